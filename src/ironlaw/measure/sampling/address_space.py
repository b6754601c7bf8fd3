"""The address space of this process: which file, or which generated code, an instruction pointer lies in."""

from __future__ import annotations

import bisect
import os
from dataclasses import dataclass
from pathlib import Path

from ironlaw.missing import Maybe, Missing

GENERATED = "[generated]"  # executable memory that no file backs: a just-in-time compiler wrote it


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """One executable mapping. Addresses in bytes; `offset` is where it begins in its file."""

    start: int
    end: int
    offset: int
    path: str  # empty where no file backs it

    @property
    def name(self) -> str:
        """What a reader knows it by: the file's name, or what kind of memory it is."""
        if not self.path or self.path.startswith(("/memfd:", "/dev/zero", "/anon_hugepage", "[anon")):
            return GENERATED
        return self.path if self.path.startswith("[") else os.path.basename(self.path.removesuffix(" (deleted)"))

    @property
    def is_file(self) -> bool:
        """Whether a file backs it whose symbols can be read."""
        return self.path.startswith("/") and self.name != GENERATED and not self.path.endswith(" (deleted)")


class AddressSpace:
    """The executable mappings at one moment, and the bytes in them."""

    def __init__(self, maps: str, memory: Path = Path("/proc/self/mem")) -> None:
        """`maps` is the text of /proc/PID/maps; `memory` that process's memory as a file."""
        self._regions = parse_maps(maps)
        self._starts = [region.start for region in self._regions]
        self._memory = _opened(memory)

    def close(self) -> None:
        """Read no bytes any more."""
        if isinstance(self._memory, int):
            os.close(self._memory)
        self._memory = Missing("the address space was closed")

    @classmethod
    def of_this_process(cls) -> AddressSpace:
        """As it is now."""
        return cls(Path("/proc/self/maps").read_text(errors="replace"))

    @property
    def regions(self) -> tuple[Region, ...]:
        """The executable mappings, by address."""
        return tuple(self._regions)

    def region(self, pointer: int) -> Region | None:
        """The mapping a pointer lies in; None where there is none any more."""
        place = bisect.bisect_right(self._starts, pointer) - 1
        if place < 0 or pointer >= self._regions[place].end:
            return None
        return self._regions[place]

    def bytes_from(self, pointer: int, length: int, region: Region) -> Maybe[bytes]:
        """At most `length` bytes from the pointer on, within its mapping."""
        if isinstance(self._memory, Missing):
            return self._memory
        try:
            return os.pread(self._memory, min(length, region.end - pointer), pointer)
        except (OSError, OverflowError) as error:
            return Missing(f"the code at {pointer:#x} cannot be read: {error}")


def _opened(memory: Path) -> Maybe[int]:
    try:
        return os.open(memory, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        return Missing(f"{memory} cannot be read: {error.strerror}")


def parse_maps(text: str) -> list[Region]:
    """The executable mappings in /proc/PID/maps, by address."""
    regions = []
    for line in text.splitlines():
        span, permissions, offset, _, _, *path = line.split(maxsplit=5)
        if "x" not in permissions:
            continue
        start, _, end = span.partition("-")
        regions.append(
            Region(start=int(start, 16), end=int(end, 16), offset=int(offset, 16), path=path[0].strip() if path else "")
        )
    return sorted(regions, key=lambda region: region.start)
