"""weights=mapped, =repeated and =aliased in a compiled package: its constants over other frames of physical memory.

A package copies its constants, packed as its kernels take them, from its library into one block of memory. The block
is found by its contents. Then the pages inside each floating-point matrix are mapped over other frames, at the same
addresses.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironlaw.engines.border.frames import anonymous, mapped_files, over_frames
from ironlaw.errors import ArmFailed
from ironlaw.factors.weights import Memory

_ALIGNMENT = 64  # of a constant in the block: AOTI_CONST_ALIGNMENT, torch/csrc/inductor/aoti_runtime
_STATED = re.compile(r"constants_info_\[(\d+)\]\.(dtype|data_size|from_folded) = (?:cached_torch_dtype_)?(\w+);")
_FLOATS = ("float32", "float16", "bfloat16", "float64")
_HINT = "leave weights= out for this arm"
_NEEDLE_BYTES = 4096
_READ_BYTES = 1 << 24  # of memory at once


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedConstant:
    """A constant of a package: its bytes, and where they lie in the library and in the block that is copied from it."""

    kind: str
    bytes: int
    from_start: int  # of the library's constants
    in_block: int


def remap(package: Path, answers: Callable[[], Sequence[Any]], *, memory: Memory) -> str:
    """Map the float matrices of a loaded package over other frames, and return what was done, in words.

    `answers` calls the package on one input and returns its tensors.

    Raises:
        ArmFailed: its constants are not found, are not in float or not what it reads, or its answers become infinite.
    """
    before = answers()
    constants = constants_of(package)
    ranges = _pages(constants, _block(constants))
    total = sum(length for _, length in ranges)
    if not ranges:
        raise ArmFailed("this package has no weights in float that could be aliased", hint=_HINT)
    behind = over_frames(ranges, memory)
    _check(before, answers(), repeats=memory.period is not None)
    return f"{total / 1e6:.1f} MB of weights over {behind / 1e6:.2f} MB of memory"


def constants_of(package: Path) -> tuple[PackedConstant, ...]:
    """The constants that a package copies, as its generated code states them.

    Raises:
        ArmFailed: it states none.
    """
    with zipfile.ZipFile(package) as archive:
        sources = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".wrapper.cpp")]
    stated: dict[int, dict[str, str]] = {}
    for place, what, value in _STATED.findall("\n".join(sources)):
        stated.setdefault(int(place), {})[what] = value
    found, from_start, in_block = [], 0, 0
    for _, one in sorted(stated.items()):
        if one["from_folded"] == "true":
            continue
        size = int(one["data_size"])
        found.append(PackedConstant(kind=one["dtype"], bytes=size, from_start=from_start, in_block=in_block))
        from_start += size
        in_block += -(-size // _ALIGNMENT) * _ALIGNMENT
    if not found:
        raise ArmFailed("this package states no constants", hint=_HINT)
    return tuple(found)


def _block(constants: Sequence[PackedConstant]) -> int:
    """The address of the block into which the loaded package copied its constants.

    Raises:
        ArmFailed: no memory, or more than one piece of it, holds them.
    """
    source, largest = _library_constants(), max(constants, key=lambda one: one.bytes)
    needle = ctypes.string_at(source + largest.from_start, min(_NEEDLE_BYTES, largest.bytes))
    size = constants[-1].in_block + constants[-1].bytes
    found = [
        block
        for start, length in anonymous()
        for at in _places(needle, start, length)
        if start <= (block := at - largest.in_block) and block + size <= start + length
        if _holds(block, source, constants)
    ]
    if len(found) != 1:
        raise ArmFailed(f"the constants of this package are in memory {len(found)} times, not once", hint=_HINT)
    return found[0]


def _library_constants() -> int:
    """The address of the constants in the library of the package that is loaded.

    Raises:
        ArmFailed: no library has any, or several are loaded.
    """
    found = []
    for path in mapped_files(".wrapper.so"):
        library = ctypes.CDLL(str(path))
        try:
            found.append(ctypes.addressof(ctypes.c_char.in_dll(library, "_binary_constants_bin_start")))
        except ValueError:  # no such symbol
            continue
    if len(found) != 1:
        raise ArmFailed(f"{len(found)} loaded packages have constants, not one", hint=_HINT)
    return found[0]


def _places(needle: bytes, start: int, length: int) -> Iterable[int]:
    """Where bytes are in a piece of memory; nowhere, if it is unmapped by now."""
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        for offset in range(0, length, _READ_BYTES):
            try:
                held = os.pread(memory.fileno(), min(_READ_BYTES + len(needle) - 1, length - offset), start + offset)
            except OSError:  # unmapped, since it was listed
                return
            at = held.find(needle)
            while at >= 0:
                yield start + offset + at
                at = held.find(needle, at + 1)


def _holds(block: int, source: int, constants: Sequence[PackedConstant]) -> bool:
    """Whether a block holds every constant where it belongs."""
    return all(
        ctypes.string_at(block + one.in_block, one.bytes) == ctypes.string_at(source + one.from_start, one.bytes)
        for one in constants
    )


def _pages(constants: Sequence[PackedConstant], block: int) -> list[tuple[int, int]]:
    """The whole pages inside each float constant: address and bytes. Vectors (bias, scales) mostly fill none."""
    page, found = mmap.PAGESIZE, []
    for one in constants:
        start = block + one.in_block
        first, last = -(-start // page) * page, (start + one.bytes) // page * page
        if one.kind in _FLOATS and last > first:
            found.append((first, last - first))
    return found


def _check(before: Sequence[Any], after: Sequence[Any], *, repeats: bool) -> None:
    """Check that the mapped pages are what the package reads.

    Raises:
        ArmFailed: with numbers that repeat it answers as before, or no longer with numbers; mapped, differently.
    """
    import torch

    same = all(torch.equal(first, second) for first, second in zip(before, after, strict=True))
    if same and repeats:
        raise ArmFailed("the package does not read its weights from the block of its constants", hint=_HINT)
    if not same and not repeats:
        raise ArmFailed("with its weights mapped this package answers differently", hint=_HINT)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in after if tensor.is_floating_point()):
        raise ArmFailed("with repeated weights this package answers with infinite numbers", hint=_HINT)
