"""Pages of a file that an engine has mapped, and the same few frames of physical memory behind all of them."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ironlaw.errors import ArmFailed
from ironlaw.factors.weights import Memory

_MAP_FIXED = 0x10  # linux/mman.h; mmap's module does not export it
_NAME = "ironlaw-weights"


def mappings(path: Path) -> list[tuple[int, int, int]]:
    """Where a file is mapped in this process: offset in the file, address, length."""
    wanted = str(path.resolve())
    return [(one.offset, one.address, one.bytes) for one in _mapped() if one.name == wanted]


def mapped_files(suffix: str) -> list[Path]:
    """The files with a suffix that are mapped in this process, each once."""
    return [Path(name) for name in dict.fromkeys(one.name for one in _mapped() if one.name.endswith(suffix))]


def anonymous() -> list[tuple[int, int]]:
    """The writable memory of this process that is no file's: address and bytes."""
    return [(one.address, one.bytes) for one in _mapped() if one.access.startswith("rw") and one.name in ("", "[heap]")]


def code_ranges(path: Path) -> list[tuple[int, int]]:
    """Where the code of a loaded library is in this process: address and bytes."""
    wanted = str(path.resolve())
    return [(one.address, one.bytes) for one in _mapped() if one.name == wanted and "x" in one.access]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mapping:
    """A line of /proc/self/maps."""

    address: int
    bytes: int
    access: str
    offset: int
    name: str  # of a file, in brackets what it is for, or empty


def _mapped() -> list[_Mapping]:
    found = []
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        fields = line.split(maxsplit=5)
        start, end = (int(text, 16) for text in fields[0].split("-"))
        name = fields[5] if len(fields) == 6 else ""
        found.append(_Mapping(address=start, bytes=end - start, access=fields[1], offset=int(fields[2], 16), name=name))
    return found


def over_frames(ranges: Sequence[tuple[int, int]], memory: Memory, *, is_private: bool = False) -> int:
    """Map ranges (address, bytes) over what a level of weights= asks for; return the bytes behind them.

    Numbers that repeat are the same ones in memory of their own as in shared memory. `is_private` is that of
    `over_one_frame`.

    Raises:
        ArmFailed: the kernel refuses the mappings.
    """
    if memory.period is None:
        return over_own_frames(ranges, is_private=is_private)
    behind = over_one_frame(ranges, memory.period, is_private=is_private)
    return behind if memory.is_shared else over_own_frames(ranges, is_private=is_private)


def over_one_frame(ranges: Sequence[tuple[int, int]], size: int, *, is_private: bool = False) -> int:
    """Map ranges (address, bytes) over one frame with the first `size` bytes of the largest; return the frame's size.

    `is_private`: what is written into them becomes memory of its own, so that ranges may hold what is freed later.

    Raises:
        ArmFailed: the kernel refuses the mappings.
    """
    address, largest = max(ranges, key=lambda one: one[1])
    size = min(size, largest)
    fd = os.memfd_create(_NAME)
    os.ftruncate(fd, size)
    os.pwrite(fd, ctypes.string_at(address, size), 0)
    for start, length in ranges:
        for offset in range(0, length, size):
            _map_over(start + offset, min(size, length - offset), fd, 0, is_private=is_private)
    os.close(fd)
    return size


def over_own_frames(ranges: Sequence[tuple[int, int]], *, is_private: bool = False) -> int:
    """Map ranges (address, bytes) over frames of their own with the same contents; return the bytes.

    `is_private` is that of `over_one_frame`.

    Raises:
        ArmFailed: the kernel refuses the mappings.
    """
    fd, total = os.memfd_create(_NAME), 0
    for start, length in ranges:
        os.pwrite(fd, ctypes.string_at(start, length), total)
        _map_over(start, length, fd, total, is_private=is_private)
        total += length
    os.close(fd)
    return total


def never_freed(owner: object) -> None:
    """Keep the owner of memory that was mapped over other frames until the process ends.

    Freed, that memory would be given to other objects, and what they write into one page would appear in others.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(owner))


def read_bytes() -> int:
    """The bytes of mapped frames that this process has read or written since; the kernel maps pages around them too."""
    found, is_ours = 0, False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        word = line.split(maxsplit=1)[0]
        if not word.endswith(":"):
            is_ours = f"/memfd:{_NAME}" in line
        elif is_ours and word == "Rss:":
            found += int(line.split()[1]) << 10
    return found


def _map_over(address: int, length: int, fd: int, offset: int, *, is_private: bool) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    access = mmap.PROT_READ | (mmap.PROT_WRITE if is_private else 0)
    kind = mmap.MAP_PRIVATE if is_private else mmap.MAP_SHARED
    if libc.mmap(address, length, access, kind | _MAP_FIXED, fd, offset) != address:
        raise ArmFailed(
            f"mmap failed: {os.strerror(ctypes.get_errno())}; the kernel allows no more mappings",
            hint="sudo sysctl vm.max_map_count=1000000",
        )
