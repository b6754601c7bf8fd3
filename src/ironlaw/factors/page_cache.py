"""page-cache: whether the mapped files of a model are in memory when an inference starts."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ironlaw.errors import ArmFailed
from ironlaw.factor import Factor
from ironlaw.missing import Maybe, Missing
from ironlaw.program import Program

_LEAST_BYTES = 64 << 10  # smaller mappings are no weights
_MADV_DONTNEED = 4  # linux/mman.h
# Of the pages, what may stay: the kernel keeps a few that it has just read ahead or is writing.
_MOST_LEFT = 0.05
_HINT = "leave page-cache= out for this arm"


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedFile:
    """A file that is mapped for reading alone: where, as (address, bytes)."""

    path: str
    ranges: tuple[tuple[int, int], ...]

    @property
    def bytes(self) -> int:
        """Its bytes that are mapped."""
        return sum(size for _, size in self.ranges)


class PageCache(Factor):
    """cold: before each inference, outside the clock, the pages of the mapped files are dropped from memory, so that
    the inference reads them from the disk.

    Only an engine that maps its weights has such pages. They are dropped for one process at a time, so the arm gets a
    copy of the file; where another process holds them, or the file system keeps its files in memory, the arm fails.
    """

    name = "page-cache"
    summary = "whether mapped weights are in memory when an inference starts"
    plain = "warm"
    levels = ("warm", "cold")
    shapes_model = True  # a copy of the file
    may_move = "page faults; what the host of a virtual machine, or the disk, keeps in a cache of its own"

    def __init__(self) -> None:
        self._before: frozenset[str] = frozenset()

    def enter(self, level: str) -> None:
        """Note the files that are mapped without a model."""
        self._before = frozenset(file.path for file in mapped_files(_maps()))

    def change(self, level: str, program: Program) -> Program:
        """Drop the pages before each inference."""
        files = [file for file in mapped_files(_maps()) if file.path not in self._before]
        if not files:
            raise ArmFailed("its weights are in memory of the process, and no file of it is mapped", hint=_HINT)
        dropped = _Dropped(files)
        dropped.drop()
        left, total = dropped.resident_bytes(), sum(file.bytes for file in files)
        if left > _MOST_LEFT * total:
            raise ArmFailed(
                f"{left / 1e6:.1f} of {total / 1e6:.1f} MB of its mapped file stay in memory: another process maps "
                "them, or the file system keeps its files there",
                hint="name an arm without page-cache= first, and let TMPDIR name a folder on a disk",
            )
        program.before_each.append(dropped.drop)
        program.applied[self.name] = f"{total / 1e6:.1f} MB of mapped file, of which {left / 1e6:.1f} MB stay in memory"
        return program

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """What `change` has read back."""
        return program.applied.get(self.name, Missing("no page was dropped"))


@dataclass(slots=True)
class _Dropped:
    """Mapped files whose pages are dropped again and again."""

    files: list[MappedFile]
    _libc: ctypes.CDLL = field(init=False)
    _open: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        self._libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
        self._open = [os.open(file.path, os.O_RDONLY) for file in self.files]

    def drop(self) -> None:
        """Unmap the pages of this process, then drop them from the page cache."""
        for file in self.files:
            for address, size in file.ranges:
                self._libc.madvise(address, size, _MADV_DONTNEED)
        for descriptor in self._open:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)

    def resident_bytes(self) -> int:
        """The bytes of the files that are in memory."""
        pages = 0
        for file in self.files:
            for address, size in file.ranges:
                seen = ctypes.create_string_buffer(-(-size // mmap.PAGESIZE))
                self._libc.mincore(address, size, seen)
                pages += sum(page & 1 for page in seen.raw)
        return pages * mmap.PAGESIZE


def _maps() -> list[str]:
    return Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape").splitlines()


def mapped_files(lines: Iterable[str]) -> list[MappedFile]:
    """The files among the lines of /proc/PID/maps of which all mappings are for reading alone, and large enough."""
    ranges: dict[str, list[tuple[int, int]]] = {}
    others = set()
    for line in lines:
        parts = line.split(maxsplit=5)
        if len(parts) < 6 or not parts[5].startswith("/"):
            continue
        start, end = (int(text, 16) for text in parts[0].split("-"))
        if parts[1].startswith("r--"):
            ranges.setdefault(parts[5], []).append((start, end - start))
        else:
            others.add(parts[5])
    files = [MappedFile(path=path, ranges=tuple(found)) for path, found in ranges.items() if path not in others]
    return [file for file in files if file.bytes >= _LEAST_BYTES and Path(file.path).is_file()]


FACTOR = PageCache()
