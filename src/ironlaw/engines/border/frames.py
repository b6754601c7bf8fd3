"""Pages of a file that an engine has mapped, and the same few frames of physical memory behind all of them."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Sequence
from pathlib import Path

from ironlaw.errors import ArmFailed

_MAP_FIXED = 0x10  # linux/mman.h; mmap's module does not export it


def mappings(path: Path) -> list[tuple[int, int, int]]:
    """Where a file is mapped in this process: offset in the file, address, length."""
    wanted, found = str(path.resolve()), []
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5] == wanted:
            start, end = (int(text, 16) for text in fields[0].split("-"))
            found.append((int(fields[2], 16), start, end - start))
    return found


def over_one_frame(ranges: Sequence[tuple[int, int]], size: int) -> int:
    """Map ranges (address, bytes) over one frame with the first `size` bytes of the largest; return the frame's size.

    Raises:
        ArmFailed: the kernel refuses the mappings.
    """
    address, largest = max(ranges, key=lambda one: one[1])
    size = min(size, largest)
    fd = os.memfd_create("ironlaw-weights")
    os.ftruncate(fd, size)
    os.pwrite(fd, ctypes.string_at(address, size), 0)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    for start, length in ranges:
        for offset in range(0, length, size):
            at, part = start + offset, min(size, length - offset)
            if libc.mmap(at, part, mmap.PROT_READ, mmap.MAP_SHARED | _MAP_FIXED, fd, 0) != at:
                raise ArmFailed(
                    f"mmap failed: {os.strerror(ctypes.get_errno())}; the kernel allows no more mappings",
                    hint="sudo sysctl vm.max_map_count=1000000",
                )
    os.close(fd)
    return size
