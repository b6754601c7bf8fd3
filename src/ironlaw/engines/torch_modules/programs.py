"""Programs of torch: their inputs are tensors, made of the saved arrays once, when they are loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ironlaw.models.inputs import as_tensors
from ironlaw.program import Program


def tensor_program(
    infer: Callable[..., Any],
    inputs: list[tuple[Any, ...]],
    *,
    boundary: str,
    module: Any | None = None,
    profile: Any | None = None,
) -> Program:
    """A program under inference_mode with tensors for inputs, also where its answers are taken."""
    import torch

    return Program(
        infer=infer,
        inputs=[as_tensors(arguments) for arguments in inputs],
        feed=lambda *arguments: as_tensors(arguments),
        module=module,
        guard=torch.inference_mode,
        boundary=boundary,
        profile=profile,
    )
