"""An engine's threads as the kernel sees them: which of them work, and on which CPUs they may run."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable

from ironlaw.factors import FACTORS
from ironlaw.machine.process_clock import clock_of_thread, list_threads
from ironlaw.variant import Variant

# Of the wall time: a thread that only woke up to wait stays below it.
WORKS_FROM = 0.02


def working_threads(infer_once: Callable[[], object]) -> int:
    """The number of threads that work in an inference."""
    return len(threads_at_work(infer_once))


def threads_at_work(infer_once: Callable[[], object], *, times: int = 3) -> tuple[int, ...]:
    """Watch the CPU time of every thread over some inferences; their ids in ascending order, without those that end."""
    before = {thread: cpu_ns(thread) for thread in list_threads()}
    began_ns = time.perf_counter_ns()
    for _ in range(times):
        infer_once()
    wall_ns = time.perf_counter_ns() - began_ns
    spent = {thread: cpu_ns(thread) - before.get(thread, 0) for thread in list_threads()}
    return tuple(sorted(thread for thread, one in spent.items() if one > WORKS_FROM * wall_ns))


def once_warm(variant: Variant, infer_once: Callable[[], object]) -> None:
    """Let the factors of an arm change its threads, which have started."""
    for name, level in variant.changed:
        FACTORS[name].once_warm(level, lambda: threads_at_work(infer_once))


def move_to(cpus: tuple[int, ...]) -> None:
    """Move every thread of this process to these CPUs."""
    for thread in list_threads():
        with contextlib.suppress(ProcessLookupError):  # it has ended since
            os.sched_setaffinity(thread, cpus)


def cpu_ns(thread: int) -> int:
    """CPU time of a thread of this process; 0 once it has ended."""
    try:
        return time.clock_gettime_ns(clock_of_thread(thread))
    except OSError:
        return 0


def cpus_of(threads: tuple[int, ...]) -> tuple[int, ...]:
    """The CPUs that any of the threads may use; those that have ended count for nothing."""
    allowed: set[int] = set()
    for thread in threads:
        try:
            allowed |= os.sched_getaffinity(thread)
        except ProcessLookupError:
            continue
    return tuple(sorted(allowed))
