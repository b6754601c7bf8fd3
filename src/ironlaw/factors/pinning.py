"""pinning: which CPUs the threads of an arm's pool may run on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from itertools import cycle
from typing import ClassVar

from ironlaw.errors import ArmFailed
from ironlaw.factor import Factor
from ironlaw.missing import Maybe
from ironlaw.program import Program


class Pinning(Factor):
    """each: every thread that works in an inference may run on one of the arm's CPUs, and no two on the same while
    there are enough. Applied once the arm is warm, since pools start their threads at the first inference.
    """

    name = "pinning"
    summary = "CPUs of the pool's threads"
    plain = "shared"
    levels = ("shared", "each")
    remedies: ClassVar[Mapping[str, str]] = {
        "each": "pin each thread of the engine's pool to a CPU (OpenMP: OMP_PROC_BIND=true OMP_PLACES=cores)"
    }
    may_move = "a thread whose CPU is taken by another process waits for it, where it would have moved"

    def once_warm(self, level: str, at_work: Callable[[], tuple[int, ...]]) -> None:
        """Pin the threads in the order in which they were started."""
        if level != "each":
            return
        threads = at_work()
        if len(threads) < 2:
            raise ArmFailed(
                "one thread does the work of an inference: there is no pool to pin",
                hint="give the arms threads (--threads 2), or leave pinning=each out",
            )
        for thread, cpu in zip(threads, cycle(sorted(os.sched_getaffinity(0)))):
            with contextlib.suppress(ProcessLookupError):  # it has ended since
                os.sched_setaffinity(thread, {cpu})

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """The threads of the process that may run on one CPU only, with these CPUs."""
        allowed: list[set[int]] = []
        for thread in map(int, os.listdir("/proc/self/task")):
            with contextlib.suppress(ProcessLookupError):
                allowed.append(os.sched_getaffinity(thread))
        alone = sorted(cpu for cpus in allowed if len(cpus) == 1 for cpu in cpus)
        return f"{len(alone)} of {len(allowed)} threads on one CPU each: {', '.join(map(str, alone)) or 'none'}"


FACTOR = Pinning()
