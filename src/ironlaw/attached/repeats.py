"""Repeats of a sequence in a log that marks none: how long the sequence is, and how often it is at the end."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

_LEAST_COVERED = 0.5  # of the log, below which a repeat at its end is coincidence


@dataclass(frozen=True, slots=True)
class Repeats:
    """`count` times the same `length` entries, behind `before` entries that are not part of any repeat."""

    length: int
    count: int
    before: int


def repeats_of(entries: Sequence[Hashable]) -> Repeats:
    """The shortest sequence that the end of a log repeats, over as much of it as possible; one repeat where none does.

    Sequences of identical halves cannot be distinguished from two repeats: what stands for one inference then is a part
    of it, which a reader has to say.

    Source: Knuth, Morris & Pratt, SIAM J. Comput. 6 (1977) 323, on the reversed log.
    """
    total = len(entries)
    backwards = entries[::-1]
    border = array("q", bytes(8 * total))
    best = Repeats(length=total, count=1, before=0)
    covered, length = 0, 0
    for place in range(1, total):
        while length and backwards[place] != backwards[length]:
            length = border[length - 1]
        if backwards[place] == backwards[length]:
            length += 1
        border[place] = length
        period = place + 1 - length
        whole = (place + 1) // period * period
        if whole >= 2 * period and whole > covered:
            covered = whole
            best = Repeats(length=period, count=whole // period, before=total - whole)
    return best if covered >= _LEAST_COVERED * total else Repeats(length=total, count=1, before=0)
