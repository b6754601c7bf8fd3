"""Text for language models: windows of one passage, as many different ones as are requested.

The passage is the opening of Lewis Carroll's "Alice's Adventures in Wonderland" (1865), in the public domain.
"""

from __future__ import annotations

import functools
from pathlib import Path


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
