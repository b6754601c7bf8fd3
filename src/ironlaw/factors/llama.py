"""llama.*: options of llama.cpp; not part of the file."""

from __future__ import annotations

from ironlaw.factor import ActsOn, Factor
from ironlaw.models.llama_library import CACHE_TYPES, LOCKED, MAPPED, READ


class CacheType(Factor):
    """The type of number in which keys and values of earlier tokens are kept; fewer bits are fewer bytes a token."""

    name = "llama.cache-type"
    summary = "type of number in which keys and values are kept"
    plain = "f16"
    levels = tuple(CACHE_TYPES)
    acts_on = ActsOn.ENGINE
    may_move = "the answers by rounding; the kernels of attention; conversions of keys and values"

    def remedy(self, level: str) -> str:
        """The options of llama.cpp's own tools."""
        return "" if level == self.plain else f"--cache-type-k {level} --cache-type-v {level}"


class WeightLoading(Factor):
    """mapped: the file's pages are the weights; read: the weights are copied into memory of the process, which
    pages=huge can back with huge pages; locked: mapped, and kept from being paged out.
    """

    name = "llama.load"
    summary = "whether weights are the file's own pages, a copy, or locked"
    plain = MAPPED
    levels = (MAPPED, READ, LOCKED)
    acts_on = ActsOn.ENGINE
    may_move = "page faults, the time to load, memory held, the size of pages behind the weights"

    def remedy(self, level: str) -> str:
        """The options of llama.cpp's own tools."""
        return {READ: "--load-mode none, or --no-mmap in older versions", LOCKED: "--mlock"}.get(level, "")


FACTORS = (CacheType(), WeightLoading())
