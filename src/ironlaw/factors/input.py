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
        """Replace floating-point inputs. Integers (token ids) stay, since other values may be invalid."""
        import numpy as np

        draw = np.random.default_rng(0)

        def changed(given: Any) -> Any:
            if not _is_float(given):
                return given
            values = np.ones(given.shape) if level == "ones" else draw.standard_normal(given.shape)
            if isinstance(given, np.ndarray):
                return values.astype(given.dtype)
            import torch

            return torch.from_numpy(values).to(given.dtype)

        return replace(program, inputs=[tuple(map(changed, inputs)) for inputs in program.inputs])

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """The range of the first floating-point input."""
        for tensor in program.inputs[0]:
            if _is_float(tensor):
                return f"values from {float(tensor.min()):.3g} to {float(tensor.max()):.3g}"
        return "no floating-point input: nothing changed"


def _is_float(value: Any) -> bool:
    """Whether something is a tensor or an array of floating-point numbers."""
    if hasattr(value, "is_floating_point"):
        return bool(value.is_floating_point())
    return getattr(getattr(value, "dtype", None), "kind", "") == "f"


FACTOR = Input()
