"""cache: whether the caches are warm or cold when an inference starts."""

from __future__ import annotations

import mmap
import re
from pathlib import Path

from ironlaw.factor import Factor
from ironlaw.missing import Maybe
from ironlaw.program import Program

# A shared last-level cache of a large host can be bigger than what a guest may ever fill; beyond this size streaming
# takes longer than inferring, and what is left in the cache is reported in read_back.
_MOST_BYTES = 256 << 20
_UNKNOWN_LLC_BYTES = 64 << 20


class Cache(Factor):
    """cold: before each inference, outside the clock, stream over more memory than the last-level cache holds."""

    name = "cache"
    summary = "what the caches hold when an inference starts"
    plain = "warm"
    levels = ("warm", "cold")
    may_move = "the TLB and the page walker's caches, which are evicted as well"

    def change(self, level: str, program: Program) -> Program:
        """Evict the caches before each inference."""
        import numpy as np

        size = _streamed_bytes()
        # Not from malloc: a block of this size would move its thresholds.
        buffer = np.frombuffer(mmap.mmap(-1, size), dtype=np.float64)
        buffer[:] = 1.0  # pages that were never written all show the same zero page
        out = np.empty(1)

        def evict() -> None:
            np.add.reduce(buffer, keepdims=True, out=out)

        program.before_each.append(evict)
        return program

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """The number of bytes streamed, and the size of the last-level cache."""
        last = last_level_bytes()
        says = f"{last >> 20} MiB" if last else "unknown size"
        return f"{_streamed_bytes() >> 20} MiB streamed before each inference; last-level cache of {says}"


def last_level_bytes() -> int:
    """Size of the last-level cache as /sys reports it; 0 when it does not."""
    sizes = []
    for file in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        match = re.fullmatch(r"(\d+)([KMG]?)", file.read_text().strip())
        if match:
            sizes.append(int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2]])
    return max(sizes, default=0)


def _streamed_bytes() -> int:
    wanted = min(_MOST_BYTES, round(1.25 * (last_level_bytes() or _UNKNOWN_LLC_BYTES)))
    return wanted // mmap.PAGESIZE * mmap.PAGESIZE


FACTOR = Cache()
