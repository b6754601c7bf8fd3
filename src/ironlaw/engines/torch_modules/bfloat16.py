"""bfloat16 arms take and return float32, as all other arms do; the conversion is part of the timed inference."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ironlaw.errors import ArmFailed

NOTE = "inputs are converted to bfloat16 and outputs to float32 inside the timed call"

# As /proc/cpuinfo writes them on x86 and on Arm.
_INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}


def refuse_emulated(cpuinfo: Path = Path("/proc/cpuinfo")) -> None:
    """Refuse bfloat16 if the CPU has no instruction for it: torch would widen every operand and be slower.

    Raises:
        ArmFailed: the CPU's list of instructions is known and lacks them.
    """
    try:
        words = set(cpuinfo.read_text(encoding="utf-8").split())
    except OSError:
        return
    if not words & _INSTRUCTIONS:
        raise ArmFailed("this CPU does not compute in bfloat16", hint="leave the bf16 arm out")


def in_bfloat16(value: Any) -> Any:
    """A copy of a module, or of the tensors among arguments, in bfloat16; integers stay integers."""
    import torch
    from torch.utils._pytree import tree_map_only

    if isinstance(value, torch.nn.Module):
        return copy.deepcopy(value).to(torch.bfloat16)

    def narrow(tensor: Any) -> Any:
        return tensor.to(torch.bfloat16) if tensor.is_floating_point() else tensor

    return tree_map_only(torch.Tensor, narrow, value)


def between_float32(module: Callable[..., Any]) -> Callable[..., Any]:
    """A call with float32 inputs and outputs around a bfloat16 module."""
    import torch
    from torch.utils._pytree import tree_map_only

    def widen(tensor: Any) -> Any:
        return tensor.float() if tensor.is_floating_point() else tensor

    def infer(*arguments: Any) -> Any:
        return tree_map_only(torch.Tensor, widen, module(*in_bfloat16(arguments)))

    return infer
