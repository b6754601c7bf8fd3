"""input: the values the model is fed, shapes unchanged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ironlaw.factor import Factor
from ironlaw.missing import Maybe
from ironlaw.program import Program


class Input(Factor):
    """Real inputs, ones, or normally distributed noise."""

    name = "input"
    summary = "values of the input"
    plain = "given"
    levels = ("given", "ones", "random")
    may_move = "the answers; the time only through subnormal numbers, sparsity or early exits"

    def change(self, level: str, program: Program) -> Program:
        """Floating-point inputs replaced; whole numbers (token ids) stay, since other ones may not exist."""
        import torch

        draw = torch.Generator().manual_seed(0)

        def changed(tensor: Any) -> Any:
            if not (hasattr(tensor, "is_floating_point") and tensor.is_floating_point()):
                return tensor
            if level == "ones":
                return torch.ones_like(tensor)
            return torch.randn(tensor.shape, generator=draw, dtype=torch.float32).to(tensor.dtype)

        return replace(program, inputs=[tuple(map(changed, inputs)) for inputs in program.inputs])

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """The range of the first floating-point input."""
        for tensor in program.inputs[0]:
            if hasattr(tensor, "is_floating_point") and tensor.is_floating_point():
                return f"values from {float(tensor.min()):.3g} to {float(tensor.max()):.3g}"
        return "no floating-point input: nothing changed"


FACTOR = Input()
