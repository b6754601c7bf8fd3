"""Programs of torch. Their inputs are tensors, converted from the saved arrays once, at load."""

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
    """A program under inference_mode with tensor inputs, also when its outputs are collected."""
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
