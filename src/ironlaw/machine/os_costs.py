"""The cost of one context switch and of one page fault."""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable

_ROUND_TRIPS = 2_000
_PAGES = 4_096
_PAGE = 4_096
_TRIES = 5


def switch_ns(cpu: int) -> float:
    """One switch between two processes on a CPU, in ns: a bound on what switching itself can have cost.

    Two processes pass a byte back and forth through pipes; a round trip has two switches. The cost of the same system
    calls on a process's own pipe, without a switch, is subtracted. The cost of caches left cold is not included. Moves
    the calling process to that CPU.
    """
    os.sched_setaffinity(0, {cpu})
    to_child, from_parent = os.pipe()
    to_parent, from_child = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(from_parent)
            while os.read(to_child, 1):
                os.write(from_child, b"x")
        finally:
            os._exit(0)
    os.close(to_child)
    try:
        round_trip_ns = _least_ns(lambda: _hand_over(from_parent, to_parent)) / _ROUND_TRIPS
    finally:
        os.close(from_parent)
        os.waitpid(child, 0)
        os.close(to_parent)
        os.close(from_child)
    mine, own = os.pipe()
    try:
        alone_ns = _least_ns(lambda: _hand_over(own, mine)) / _ROUND_TRIPS
    finally:
        os.close(mine)
        os.close(own)
    return round_trip_ns / 2 - alone_ns


def _hand_over(write: int, read: int) -> None:
    for _ in range(_ROUND_TRIPS):
        os.write(write, b"x")
        os.read(read, 1)


def page_fault_ns() -> float:
    """Mapping a page of 4 KiB, touching it for the first time and unmapping it, in ns; the cost of touching it again is
    subtracted.

    This is the cost per page of an inference whose allocator returns its memory to the system.
    """
    import numpy as np

    def touch(memory: mmap.mmap) -> None:
        pages = np.frombuffer(memory, dtype=np.uint8)
        pages[::_PAGE] = 1

    def cycle() -> None:
        memory = mmap.mmap(-1, _PAGES * _PAGE)
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        touch(memory)
        memory.close()

    kept = mmap.mmap(-1, _PAGES * _PAGE)
    touch(kept)
    again_ns = _least_ns(lambda: touch(kept))
    return (_least_ns(cycle) - again_ns) / _PAGES


def _least_ns(work: Callable[[], None]) -> int:
    """The shortest of a few runs, since disturbances only lengthen a run."""
    took = []
    for _ in range(_TRIES):
        begun_ns = time.perf_counter_ns()
        work()
        took.append(time.perf_counter_ns() - begun_ns)
    return min(took)
