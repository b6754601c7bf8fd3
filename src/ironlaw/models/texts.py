"""Text for language models: windows of one passage, as words or as tokens, as many different ones as are requested.

The passage is the opening of Lewis Carroll's "Alice's Adventures in Wonderland" (1865), in the public domain.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from ironlaw.circumstance import Circumstance, RandomTokens
from ironlaw.missing import Maybe, Missing

WINDOW = 512  # tokens of an input; phases that take more go round in it
ENOUGH_TOKENS = 20  # different ones in a passage; a vocabulary that gives fewer knows no word of it
_TURNS = 10  # as many as there are photographs
PROBES = 2


@functools.cache
def words() -> tuple[str, ...]:
    """The words of the passage."""
    return tuple((Path(__file__).parent / "passage.txt").read_text(encoding="utf-8").split())


def windows(count: int, *, length: int, first: int = 0) -> list[str]:
    """`count` texts of `length` words that begin at different words; the passage goes round.

    `first` is the number of the first window, so that calibration and probes need not share any.
    """
    passage = words()
    step = 5  # words between beginnings; shares no factor with the length of the passage's cycle of beginnings
    starts = [(first + number) * step % len(passage) for number in range(count)]
    return [" ".join(passage[(start + place) % len(passage)] for place in range(length)) for start in starts]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenWindows:
    """Windows of tokens to time (`turns`, WINDOW tokens each) and to compare answers on (`probes`)."""

    turns: list[list[int]]
    probes: list[list[int]]
    circumstances: tuple[Circumstance, ...]


def token_windows(source: str, tokens: Maybe[list[int]], *, vocabulary: int, scored: int, seed: int) -> TokenWindows:
    """Windows that begin at different tokens of a passage, which goes round; seeded random tokens if it has none.

    A probe has `scored` tokens, from between the beginnings of the turns.
    """
    circumstances: tuple[Circumstance, ...] = ()
    if isinstance(tokens, Missing):
        import numpy

        circumstances = (RandomTokens(source=source, reason=tokens.reason),)
        tokens = [int(token) for token in numpy.random.default_rng(seed).integers(0, vocabulary, WINDOW)]

    def window(half_steps: int, length: int) -> list[int]:
        first = half_steps * len(tokens) // (2 * _TURNS)
        return [tokens[(first + place) % len(tokens)] for place in range(length)]

    return TokenWindows(
        turns=[window(2 * number, WINDOW) for number in range(_TURNS)],
        probes=[window(2 * number + 1, scored) for number in range(PROBES)],
        circumstances=circumstances,
    )
