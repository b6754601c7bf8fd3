"""layout: the order of a tensor's dimensions in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from ironlaw.errors import ArmFailed
from ironlaw.factor import ActsOn, Factor
from ironlaw.missing import Maybe, Missing
from ironlaw.program import Program


class Layout(Factor):
    """channels_last stores NHWC, as int8 convolutions do; plain is what the model and its inputs have (NCHW)."""

    name = "layout"
    summary = "order of dimensions in memory"
    plain = "contiguous"
    levels = ("contiguous", "channels_last")
    alone: ClassVar = {"channels_last": "channels_last"}
    remedies: ClassVar = {
        "channels_last": "model.to(memory_format=torch.channels_last), and the input tensor likewise",
    }
    acts_on = ActsOn.MODULE
    may_move = (
        "the convolution kernels that the engine picks, reorders at the borders of operators without NHWC kernels"
    )

    def change(self, level: str, program: Program) -> Program:
        """Convert weights and 4-dimensional inputs to channels_last."""
        import torch

        if program.module is None:
            raise ArmFailed("the layout of this engine's tensors cannot be chosen", hint="leave channels_last out")
        program.module.to(memory_format=torch.channels_last)
        return replace(program, inputs=[tuple(map(_reordered, inputs)) for inputs in program.inputs])

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """The layout of the first 4-dimensional input."""
        import torch

        for tensor in program.inputs[0]:
            if _is_image(tensor):
                last = tensor.is_contiguous(memory_format=torch.channels_last)
                return "inputs channels_last" if last else "inputs contiguous"
        return Missing("no input has four dimensions")


def _is_image(tensor: Any) -> bool:
    return hasattr(tensor, "dim") and tensor.dim() == 4


def _reordered(tensor: Any) -> Any:
    import torch

    return tensor.to(memory_format=torch.channels_last) if _is_image(tensor) else tensor


FACTOR = Layout()
