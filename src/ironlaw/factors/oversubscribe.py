"""oversubscribe: more threads than CPUs to run them on."""

from __future__ import annotations

import os

from ironlaw.factor import Factor
from ironlaw.missing import Maybe, Missing
from ironlaw.program import Program


class Oversubscribe(Factor):
    """yes: twice as many threads as CPUs that the arm is pinned to."""

    name = "oversubscribe"
    summary = "threads for each CPU of the arm"
    plain = "no"
    levels = ("no", "yes")
    may_move = "context switches; with spinning thread pools the time grows out of proportion"

    def pool_threads(self, level: str, threads: int) -> int:
        """Two threads per CPU."""
        return 2 * threads

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """The threads of torch's pool and the allowed CPUs; other engines' pools show in the threads of the process."""
        if program.module is None:
            return Missing("the engine does not expose its pool: look at the threads of the arm's process")
        import torch

        return f"{torch.get_num_threads()} threads on {len(os.sched_getaffinity(0))} CPUs"


FACTOR = Oversubscribe()
