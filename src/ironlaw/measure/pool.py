"""An engine's threads as the kernel sees them: which of them work, and on which CPUs they may."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from ironlaw.machine.process_clock import clock_of_thread, list_threads

# Of the wall time: a thread that only woke up to wait stays below it.
WORKS_FROM = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What was seen of a process's threads while it inferred."""

    working: int
    cpus: tuple[int, ...]  # any of its threads may use


def observe_pool(infer_once: Callable[[], object], *, times: int = 3) -> Pool:
    """Watch the CPU time of every thread over some inferences; threads that end meanwhile are not counted."""
    before = {thread: cpu_ns(thread) for thread in list_threads()}
    began_ns = time.perf_counter_ns()
    for _ in range(times):
        infer_once()
    wall_ns = time.perf_counter_ns() - began_ns
    spent = [cpu_ns(thread) - before.get(thread, 0) for thread in list_threads()]
    return Pool(working=sum(one > WORKS_FROM * wall_ns for one in spent), cpus=_cpus(list_threads()))


def cpu_ns(thread: int) -> int:
    """CPU time of a thread of this process; 0 once it has ended."""
    try:
        return time.clock_gettime_ns(clock_of_thread(thread))
    except OSError:
        return 0


def _cpus(threads: tuple[int, ...]) -> tuple[int, ...]:
    allowed: set[int] = set()
    for thread in threads:
        try:
            allowed |= os.sched_getaffinity(thread)
        except ProcessLookupError:
            continue
    return tuple(sorted(allowed))
