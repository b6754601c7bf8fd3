"""threads: the number of threads of an inference, written threads=2. Plain is the value of --threads."""

from __future__ import annotations

from typing import ClassVar

from ironlaw.factor import Factor
from ironlaw.program import Program


class Threads(Factor):
    """The size of the engine's thread pool; the arm is pinned to as many CPUs."""

    name = "threads"
    summary = "threads of one inference"
    plain = "run"
    levels = ("run", "1", "2", "4")
    remedies: ClassVar = {str(count): f"torch.set_num_threads({count})" for count in range(1, 257)}
    may_move = "CPUs used, cache shares, frequency, context switches"

    def accepts(self, level: str) -> bool:
        """Accept any positive integer of at most four digits; no machine has more CPUs."""
        return level == self.plain or (level.isdecimal() and len(level) <= 4 and int(level) > 0)

    def change(self, level: str, program: Program) -> Program:
        """Set torch's own pool again: a user's program may have set it while it was loaded."""
        if program.module is not None:
            import torch

            torch.set_num_threads(int(level))
        return program


FACTOR = Threads()
