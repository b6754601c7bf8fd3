"""denormals: whether the CPU computes on subnormal numbers or takes them for zero."""

from __future__ import annotations

from typing import ClassVar

from ironlaw.errors import ArmFailed
from ironlaw.factor import Factor
from ironlaw.missing import Maybe
from ironlaw.program import Program


class Denormals(Factor):
    """flushed: flush-to-zero and denormals-are-zero, set before the thread pool starts so that it inherits them."""

    name = "denormals"
    summary = "subnormal numbers"
    plain = "kept"
    levels = ("kept", "flushed")
    remedies: ClassVar = {"flushed": "torch.set_flush_denormal(True) before the first inference"}
    may_move = "the answers, by less than 1.2e-38"

    def enter(self, level: str) -> None:
        """Set the CPU's mode."""
        import torch

        if not torch.set_flush_denormal(True):
            raise ArmFailed("this CPU cannot flush subnormal numbers", hint="leave denormals=flushed out")

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """What half of the smallest normal number comes out as."""
        import torch

        halved = (torch.full((1,), 1.2e-38) * 0.5).view(torch.int32).item()
        return "flushed to zero" if halved == 0 else "kept"


FACTOR = Denormals()
