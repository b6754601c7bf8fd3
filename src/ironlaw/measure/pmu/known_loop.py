"""Work whose counts are known beforehand: a loop of machine code, system calls, page faults and naps."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import tempfile
import time
from typing import Protocol

INSTRUCTIONS_PER_ITERATION = 2
BRANCHES_PER_ITERATION = 1
_STREAMED_BYTES = 16 * 1024 * 1024

# int64 in the first argument register: subtract one, jump back unless zero; then return.
_MACHINE_CODE = {
    "x86_64": bytes.fromhex("48ffcf 75fb c3"),  # loop: dec rdi; jnz loop; ret
    "aarch64": bytes.fromhex("000400f1 e1ffff54 c0035fd6"),  # loop: subs x0, x0, #1; b.ne loop; ret
}


class KnownWork(Protocol):
    """Work with known counts, done by the calling thread."""

    def spin(self, iterations: int) -> None:
        """Two instructions an iteration in user mode, one of them a branch taken; one iteration at least."""

    def call_kernel(self, times: int) -> None:
        """That many system calls."""

    def stream_memory(self) -> None:
        """Copy more than fits any first- and second-level cache."""

    def cpu_ns(self) -> int:
        """CPU time of this process so far."""

    def now_ns(self) -> int:
        """The wall clock, monotonic."""


class MachineLoop:
    """The loop in this machine's own code."""

    def __init__(self) -> None:
        """Map the code executable.

        Raises:
            OSError: this system does not run code that a process brings along, or it is of an unknown architecture.
        """
        code = _MACHINE_CODE.get(platform.machine())
        if code is None:
            raise OSError(errno.ENOEXEC, f"there is no known loop for {platform.machine()}")
        self._loop = ctypes.CFUNCTYPE(None, ctypes.c_int64)(map_executable(code))
        self._system_call = ctypes.CDLL(None).getppid
        self._streamed = bytearray(_STREAMED_BYTES)

    def spin(self, iterations: int) -> None:
        """Run the loop; two instructions an iteration, one of them a branch."""
        self._loop(iterations)

    def call_kernel(self, times: int) -> None:
        """Ask for the parent's id that many times: the smallest call that no C library answers by itself."""
        for _ in range(times):
            self._system_call()

    def stream_memory(self) -> None:
        """Copy a buffer of 16 MiB."""
        bytes(self._streamed)

    def cpu_ns(self) -> int:
        """CPU time of this process so far."""
        return time.process_time_ns()

    def now_ns(self) -> int:
        """The wall clock, monotonic."""
        return time.perf_counter_ns()


def map_executable(code: bytes) -> int:
    """The address of the code, never writable and executable at once.

    It is mapped from a file: only then does the kernel make the instruction cache of an Arm core see what was written.
    """
    fd = _file_in_memory()
    try:
        os.write(fd, code)
        address = _mmap(None, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC, mmap.MAP_PRIVATE, fd, 0)
        number = ctypes.get_errno()
    finally:
        os.close(fd)
    if address in (None, ctypes.c_void_p(-1).value):
        raise OSError(number, f"code cannot be mapped executable: {os.strerror(number)}")
    return int(address)


def _file_in_memory() -> int:
    try:
        return os.memfd_create("ironlaw-known-loop")
    except OSError:  # sysctl vm.memfd_noexec=2, or a seccomp filter
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())


_mmap = ctypes.CDLL(None, use_errno=True).mmap
_mmap.restype = ctypes.c_void_p
_mmap.argtypes = (
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
)
