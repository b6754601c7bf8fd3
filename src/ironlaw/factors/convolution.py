"""convolution: how convolutions outside a library's fast path are written."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, ClassVar

from ironlaw.errors import ArmFailed
from ironlaw.factor import Direction, Factor, Test
from ironlaw.missing import Maybe, Missing
from ironlaw.program import Program

_MOST_GROUPS_BY_ONEDNN = 100


class Convolution(Factor):
    """dense: every convolution with groups or dilation as a plain one with zeros in its weights; the same function.

    It does more arithmetic. An arm that becomes faster by it ran the original shape outside its library's fast path.
    Depth-wise convolutions stay as they are, since libraries have kernels for them, unless they are dilated or are int8
    ones that FBGEMM runs: its depth-wise kernel takes a padding of half the kernel only.
    """

    name = "convolution"
    summary = "how grouped and dilated convolutions are written"
    plain = "own"
    levels = ("own", "dense")
    remedies: ClassVar = {
        "dense": "use another library (torch.backends.quantized.engine = 'onednn') or engine, or pad a depth-wise "
        "convolution by half its kernel in the layer itself, or leave the layer in float, or write it as a dense one "
        "with zeros in its weights",
    }
    may_move = "arithmetic and weight bytes, both upwards: against what is predicted"
    tests = (Test(cause="reference-kernel", level="dense", predicts=Direction.FASTER),)

    def change(self, level: str, program: Program) -> Program:
        """Replace the layers in place."""
        if program.module is None:
            raise ArmFailed("only torch modules can be rewritten", hint="leave convolution=dense out")
        changed = 0
        for parent in list(program.module.modules()):
            for name, layer in list(parent.named_children()):
                if is_sparse(layer):
                    setattr(parent, name, _dense(layer))
                    changed += 1
        if not changed:
            raise ArmFailed(
                "no convolution of this model lacks a fast kernel that we know of", hint="leave convolution=dense out"
            )
        return program

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """How many such layers are left."""
        if program.module is None:
            return Missing("no torch module")
        return f"{sum(1 for _ in sparse_layers(program.module))} convolutions outside the fast path left"


def sparse_layers(module: Any) -> Iterator[Any]:
    """The convolutions in a module that may lack a fast kernel, float or int8."""
    return (layer for layer in module.modules() if is_sparse(layer))


def is_sparse(layer: Any) -> bool:
    """Whether a layer is a 2-dimensional convolution that a dense one with zeros can replace."""
    from torch import nn
    from torch.ao.nn import quantized

    if not isinstance(layer, nn.Conv2d | quantized.Conv2d) or layer.padding_mode != "zeros":
        return False
    is_depthwise = layer.groups == layer.in_channels
    if is_depthwise and isinstance(layer, quantized.Conv2d) and _runs_by_fbgemm(layer):
        halves = tuple((size - 1) // 2 for size in layer.kernel_size)
        if layer.groups > 1 and tuple(layer.padding) != halves:
            return True
    return (layer.groups > 1 and not is_depthwise) or max(layer.dilation) > 1


def _runs_by_fbgemm(layer: Any) -> bool:
    """Whether torch gives an int8 convolution to FBGEMM; its x86 engine shares them out with oneDNN.

    Source: should_use_onednn_quant in ATen/native/quantized/cpu/OnednnUtils.h; takeDepthWiseFastPath in FBGEMM.
    """
    import torch

    chosen = torch.backends.quantized.engine
    by_onednn = layer.groups <= _MOST_GROUPS_BY_ONEDNN and torch.cpu._is_vnni_supported()
    return chosen == "fbgemm" or (chosen == "x86" and not by_onednn)


def _dense(layer: Any) -> Any:
    from torch.ao.nn import quantized

    made = copy.copy(layer)
    made.kernel_size = tuple((k - 1) * d + 1 for k, d in zip(layer.kernel_size, layer.dilation, strict=True))
    made.dilation, groups, made.groups = (1, 1), layer.groups, 1
    if isinstance(layer, quantized.Conv2d):
        weight, bias = layer._weight_bias()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        made.set_weight_bias(_like(weight, spread(weight.int_repr(), groups, layer.dilation)), bias)
        return made
    import torch

    made._parameters = dict(layer._parameters)
    made.weight = torch.nn.Parameter(spread(layer.weight.detach(), groups, layer.dilation), requires_grad=False)
    return made


def spread(weight: Any, groups: int, dilation: tuple[int, int]) -> Any:
    """The weights of the dense convolution: those of each group in its own block, zeros between dilated taps."""
    import torch

    out, per_group, height, width = weight.shape
    down, across = dilation
    dense = torch.zeros(out, per_group * groups, (height - 1) * down + 1, (width - 1) * across + 1, dtype=weight.dtype)
    rows = out // groups
    for group in range(groups):
        block = dense[group * rows : (group + 1) * rows, group * per_group : (group + 1) * per_group]
        block[:, :, ::down, ::across] = weight[group * rows : (group + 1) * rows]
    return dense


def _like(weight: Any, values: Any) -> Any:
    """An int8 tensor with the scales of another; its zero points are 0, so zeros stay zeros."""
    import torch

    if weight.qscheme() == torch.per_tensor_affine:
        return torch._make_per_tensor_quantized_tensor(values, weight.q_scale(), weight.q_zero_point())
    return torch._make_per_channel_quantized_tensor(
        values, weight.q_per_channel_scales(), weight.q_per_channel_zero_points(), weight.q_per_channel_axis()
    )


FACTOR = Convolution()
