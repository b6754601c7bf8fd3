"""convolution: the form of convolutions outside a library's fast path."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from ironlaw.errors import ArmFailed
from ironlaw.factor import ActsOn, Factor
from ironlaw.missing import Maybe, Missing
from ironlaw.program import Program

_MOST_GROUPS_BY_ONEDNN = 100


class Convolution(Factor):
    """dense: every convolution with groups or dilation becomes a plain one with zeros in its weights; the same
    function.

    This takes more arithmetic, so an arm that becomes faster ran the original shape outside its library's fast path.
    Depth-wise convolutions are unchanged, since libraries have kernels for them, unless they are dilated, or are int8
    and run in FBGEMM, whose depth-wise kernel only supports a padding of half the kernel.
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
    acts_on = ActsOn.MODULE
    may_move = "arithmetic and weight bytes, both upwards: against what is predicted"

    def change(self, level: str, program: Program) -> Program:
        """Replace the layers in place."""
        if program.module is None:
            raise ArmFailed("only torch modules can be rewritten", hint="leave convolution=dense out")
        found = list(sparse_convolutions(program.module))
        if not found:
            raise ArmFailed(
                "no convolution of this model lacks a fast kernel that we know of", hint="leave convolution=dense out"
            )
        for parent, name in found:
            held = getattr(parent, name)
            setattr(parent, name, _dense_packed(held) if _is_packed(held) else _dense_layer(held))
        return program

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """How many such layers are left."""
        if program.module is None:
            return Missing("no torch module")
        return f"{sum(1 for _ in sparse_convolutions(program.module))} convolutions outside the fast path left"


def sparse_convolutions(module: Any) -> Iterator[tuple[Any, str]]:
    """The 2-dimensional convolutions that may lack a fast kernel: the parent module of each, and its name in it.

    For float convolutions this is the layer; for int8 the packed weights, which functional calls of a traced model also
    have.
    """
    from torch import nn

    for parent in module.modules():
        for name, layer in parent.named_children():
            if not isinstance(layer, nn.Conv2d) or layer.padding_mode != "zeros":
                continue
            if _is_sparse(layer.groups, layer.weight.shape[1], layer.dilation):
                yield parent, name
        for name, held in list(vars(parent).items()):
            if _is_packed(held) and _lacks_kernel(held):
                yield parent, name


def _is_sparse(groups: int, per_group: int, dilation: Iterable[int]) -> bool:
    """Whether a convolution has groups of more than one channel, or dilation."""
    return (groups > 1 and per_group > 1) or max(dilation) > 1


def _is_packed(held: Any) -> bool:
    """Whether these are the weights of an int8 convolution, packed for its library."""
    import torch

    return isinstance(held, torch.ScriptObject) and held._type().qualified_name().endswith(".Conv2dPackedParamsBase")


def _lacks_kernel(packed: Any) -> bool:
    weight, _ = packed.unpack()
    per_group, *kernel = weight.shape[1:]
    if _is_sparse(packed.groups(), per_group, packed.dilation()):
        return True
    halves = [(size - 1) // 2 for size in kernel]
    return packed.groups() > 1 and packed.padding() != halves and _runs_by_fbgemm(packed.groups())


def _runs_by_fbgemm(groups: int) -> bool:
    """Whether torch runs an int8 convolution in FBGEMM; its x86 engine chooses between FBGEMM and oneDNN.

    Source: should_use_onednn_quant in ATen/native/quantized/cpu/OnednnUtils.h; takeDepthWiseFastPath in FBGEMM.
    """
    import torch

    chosen = torch.backends.quantized.engine
    by_onednn = groups <= _MOST_GROUPS_BY_ONEDNN and torch.cpu._is_vnni_supported()
    return chosen == "fbgemm" or (chosen == "x86" and not by_onednn)


def _dense_packed(packed: Any) -> Any:
    """The same convolution, repacked with dense weights."""
    import torch

    weight, bias = packed.unpack()
    values = spread(weight.int_repr(), packed.groups(), tuple(packed.dilation()))
    return torch.ops.quantized.conv2d_prepack(_like(weight, values), bias, packed.stride(), packed.padding(), [1, 1], 1)


def _dense_layer(layer: Any) -> Any:
    import torch

    made = copy.copy(layer)
    made.kernel_size = tuple((k - 1) * d + 1 for k, d in zip(layer.kernel_size, layer.dilation, strict=True))
    made.dilation, made.groups = (1, 1), 1
    made._parameters = dict(layer._parameters)
    dense = spread(layer.weight.detach(), layer.groups, layer.dilation)
    made.weight = torch.nn.Parameter(dense, requires_grad=False)
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
