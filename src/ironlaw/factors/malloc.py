"""malloc: what the allocator does with memory that an inference frees."""

from __future__ import annotations

import ctypes
import ctypes.util
import platform
from collections.abc import Mapping
from typing import ClassVar

from ironlaw.errors import ArmFailed
from ironlaw.factor import Factor
from ironlaw.missing import Maybe, Missing
from ironlaw.program import Program

# malloc.h: parameters of mallopt.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_LARGEST_INT = 2**31 - 1
_TOP_PAD_BYTES = 64 << 20
# The same settings as a user would make them, for a program that ironlaw does not start.
RETAIN_VARIABLES = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(_LARGEST_INT),
    "MALLOC_TOP_PAD_": str(_TOP_PAD_BYTES),
}


class _Mallinfo2(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
        )
    )  # fmt: skip


class Malloc(Factor):
    """retain: glibc keeps freed memory instead of returning it to the system and faulting it in again at the next
    inference.
    """

    name = "malloc"
    summary = "what happens to freed memory"
    plain = "default"
    levels = ("default", "retain", "jemalloc", "tcmalloc")
    remedies: ClassVar = {
        "retain": " ".join(f"{name}={value}" for name, value in RETAIN_VARIABLES.items()) + " in the environment",
        "jemalloc": "LD_PRELOAD=libjemalloc.so.2",
        "tcmalloc": "LD_PRELOAD=libtcmalloc_minimal.so.4",
    }
    may_move = "resident memory; addresses of large tensors (heap instead of mappings), and with them huge pages"

    def possible(self, level: str) -> Maybe[bool]:
        """retain needs glibc; the others need their library."""
        if level == "retain" and platform.libc_ver()[0] != "glibc":
            return Missing("malloc=retain sets glibc's malloc, and this is another C library")
        if level in ("jemalloc", "tcmalloc") and _library(level) is None:
            return Missing(f"lib{level} is not installed (apt install {_PACKAGES[level]})")
        return True

    def environment(self, level: str) -> Mapping[str, str]:
        """Preload another allocator; glibc's own needs no variable, since mallopt works in a running process."""
        path = _library(level) if level in ("jemalloc", "tcmalloc") else None
        return {"LD_PRELOAD": path} if path else {}

    def enter(self, level: str) -> None:
        """Configure glibc's malloc before the model is loaded."""
        possible = self.possible(level)
        if isinstance(possible, Missing):
            raise ArmFailed(possible.reason, hint="leave this level out")
        if level != "retain":
            return
        libc = ctypes.CDLL(None)
        # Setting any of them also ends glibc's own moving of the mmap threshold. 1 means accepted.
        taken = [
            libc.mallopt(_M_MMAP_MAX, 0),
            libc.mallopt(_M_TRIM_THRESHOLD, _LARGEST_INT),
            libc.mallopt(_M_TOP_PAD, _TOP_PAD_BYTES),
        ]
        if taken != [1, 1, 1]:
            raise ArmFailed(f"mallopt refused a setting: {taken}", hint="check that glibc's malloc is in use")

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """The memory that glibc has mapped outside its heap; for other allocators, whether they are loaded."""
        if level in ("jemalloc", "tcmalloc"):
            with open("/proc/self/maps") as maps:
                return f"{level} loaded" if level in maps.read() else Missing(f"{level} is not in the process")
        mallinfo2 = ctypes.CDLL(None).mallinfo2
        mallinfo2.restype = _Mallinfo2
        info = mallinfo2()
        return f"heap {info.arena >> 20} MiB, {info.hblks} blocks mapped apart from it"


_PACKAGES = {"jemalloc": "libjemalloc2", "tcmalloc": "libtcmalloc-minimal4"}
_NAMES = {"jemalloc": ("jemalloc",), "tcmalloc": ("tcmalloc_minimal", "tcmalloc")}


def _library(level: str) -> str | None:
    found = (ctypes.util.find_library(name) for name in _NAMES[level])
    return next((name for name in found if name), None)


FACTOR = Malloc()
