"""Pages of memory that hold constants in float, in whatever order a library has packed them.

A library that packs weights says nowhere where it keeps them. They are found by what they are: pages that were not
there before the model was loaded, that hold numbers like weights and nothing else (no pointer and no small integer is
such a number), and that stay the same while the model computes on other inputs.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ironlaw.engines.border.frames import anonymous

# Of each page, what is looked at first: most pages hold something else.
_FIRST_WORDS = 16
# Exponents of numbers that weights have: 2^-60 to 2^40. A pointer's upper half is a denormal number, and so is a count.
_LEAST_EXPONENT, _MOST_EXPONENT = 127 - 60, 127 + 40
_WORD = 4
_PIECE_BYTES = 1 << 24  # of memory at once
_FEWEST = 4  # pages in a row: shorter rows are scales, biases and tables

Pages = Mapping[int, int]  # hash of the contents, by address


def float_pages() -> Pages:
    """The pages of this process's own memory that hold float32 numbers like weights."""
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        return {
            address: hash(page)
            for start, length in anonymous()
            for address, page in _pages(memory.fileno(), start, length)
        }


def _pages(memory: int, start: int, length: int) -> list[tuple[int, bytes]]:
    found = []
    for offset in range(0, length, _PIECE_BYTES):
        try:
            held = os.pread(memory, min(_PIECE_BYTES, length - offset), start + offset)
        except OSError:  # unmapped, since it was listed
            break
        found += [(start + offset + place, held[place : place + mmap.PAGESIZE]) for place in _places_of_floats(held)]
    return found


def _places_of_floats(held: bytes) -> list[int]:
    """Where in some memory the pages are that hold numbers like weights, not all of them zero."""
    import numpy

    whole = len(held) // mmap.PAGESIZE
    words = numpy.frombuffer(held, numpy.uint32, whole * mmap.PAGESIZE // _WORD).reshape(whole, -1)
    likely = numpy.flatnonzero(_are_weights(words[:, :_FIRST_WORDS]).all(axis=1))
    chosen = words[likely]
    is_float = _are_weights(chosen).all(axis=1) & (chosen != 0).any(axis=1)
    return [int(place) * mmap.PAGESIZE for place in likely[is_float]]


def _are_weights(words: Any) -> Any:
    exponent = (words >> 23) & 0xFF
    return (words == 0) | ((exponent > _LEAST_EXPONENT) & (exponent < _MOST_EXPONENT))


def constant_ranges(before: Pages, readings: Sequence[Pages]) -> list[tuple[int, int]]:
    """Address and bytes of the memory that is new since `before` and the same in all readings.

    Each reading is of the pages after an inference on another input.
    """
    first, *others = readings
    same = sorted(
        page
        for page, contents in first.items()
        if before.get(page) != contents and all(other.get(page) == contents for other in others)
    )
    rows: list[tuple[int, int]] = []
    for page in same:
        if rows and sum(rows[-1]) == page:
            rows[-1] = rows[-1][0], rows[-1][1] + mmap.PAGESIZE
        else:
            rows.append((page, mmap.PAGESIZE))
    return [row for row in rows if row[1] >= _FEWEST * mmap.PAGESIZE]
