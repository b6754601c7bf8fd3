"""oversubscribe: more threads than CPUs to run them on."""

from __future__ import annotations

import os

from ironlaw.factor import Factor
from ironlaw.missing import Maybe
from ironlaw.program import Program


class Oversubscribe(Factor):
    """yes: twice as many threads as CPUs that the arm is pinned to."""

    name = "oversubscribe"
    summary = "threads for each CPU of the arm"
    plain = "no"
    levels = ("no", "yes")
    may_move = "context switches; with spinning thread pools the time grows out of proportion"

    def enter(self, level: str) -> None:
        """Grow the pool before it starts."""
        import torch

        torch.set_num_threads(2 * len(os.sched_getaffinity(0)))

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """Threads of the pool against CPUs allowed."""
        import torch

        return f"{torch.get_num_threads()} threads on {len(os.sched_getaffinity(0))} CPUs"


FACTOR = Oversubscribe()
