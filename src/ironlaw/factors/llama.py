"""llama.*: options of llama.cpp; not part of the file."""

from __future__ import annotations

from ironlaw.factor import ActsOn, Factor
from ironlaw.models.llama_parameters import CACHE_TYPES, LOCKED, MAPPED, READ


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


class Repacking(Factor):
    """on: weights of some types are reordered for the kernels of this CPU when they are loaded, into memory of the
    process; off: they stay in the layout of the file, whose pages they are, which weights=aliased needs.
    """

    name = "llama.repack"
    summary = "whether weights are reordered for the CPU's kernels when they are loaded"
    plain = "on"
    levels = ("on", "off")
    acts_on = ActsOn.ENGINE
    may_move = "the kernels; memory held; the time to load; where the weights are in memory"

    def remedy(self, level: str) -> str:
        """The options of llama.cpp's own tools."""
        return "--no-repack" if level == "off" else ""


class MicroBatch(Factor):
    """How many tokens of a prompt are processed together: each micro-batch reads all weights once, so that a prompt of
    128 tokens reads them twice by 64. Decoding a token is not changed.
    """

    name = "llama.micro-batch"
    summary = "tokens of a prompt that are processed together"
    plain = "whole"
    levels = ("whole", "64", "512")
    acts_on = ActsOn.ENGINE
    may_move = "bytes of weights read for a prompt; the shapes of products; memory of activations"

    def accepts(self, level: str) -> bool:
        """Any number of tokens above zero."""
        return level == self.plain or (level.isdecimal() and level.isascii() and int(level[:7]) > 0 and len(level) <= 6)

    def remedy(self, level: str) -> str:
        """The option of llama.cpp's own tools."""
        return "" if level == self.plain else f"-ub {level}"


FACTORS = (CacheType(), WeightLoading(), Repacking(), MicroBatch())
