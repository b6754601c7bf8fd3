"""quantized-engine: which library runs PyTorch's int8 operators."""

from __future__ import annotations

from typing import ClassVar

from ironlaw.errors import ArmFailed
from ironlaw.factor import ActsOn, Factor
from ironlaw.missing import Maybe
from ironlaw.program import Program


class QuantizedEngine(Factor):
    """Plain is x86 (FBGEMM and oneDNN, chosen per operator) where torch has it, else fbgemm, else qnnpack."""

    name = "quantized-engine"
    summary = "library behind torch's int8 operators"
    plain = "preferred"
    levels = ("preferred", "fbgemm", "x86", "onednn", "qnnpack")
    shapes_model = True
    of_int8 = True
    remedies: ClassVar = {
        name: f'torch.backends.quantized.engine = "{name}" before preparing and loading'
        for name in ("fbgemm", "x86", "onednn", "qnnpack")
    }
    acts_on = ActsOn.ENGINE
    may_move = "how weights are packed, whether activations use 7 or 8 bits, and so the answers"

    def enter(self, level: str) -> None:
        """Choose the library before anything is packed."""
        import torch

        known = torch.backends.quantized.supported_engines
        if level not in known:
            raise ArmFailed(f"this torch has no quantized engine {level!r}", hint=f"it has {', '.join(known)}")
        torch.backends.quantized.engine = level

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """The engine that torch reports."""
        import torch

        return str(torch.backends.quantized.engine)


FACTOR = QuantizedEngine()
