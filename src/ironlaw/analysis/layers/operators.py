"""What an operator does, by its name: the parts that a fused one is made of, and the kind it is shown as."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ironlaw.layer import Form, LayerCall

# Parts of operators' names, as classes and functions of torch and nodes of engines are called, and the role they stand
# for; an empty role says nothing about what is computed.
_STEMS = {
    "dequantize": "dequantize", "quantized": "", "quantizelinear": "quantize", "quantize": "quantize",
    "dequantizelinear": "dequantize", "fakequantize": "quantize",
    "convolution": "conv", "conv": "conv", "batchnorm": "batchnorm", "batchnormalization": "batchnorm",
    "layernorm": "layernorm", "groupnorm": "groupnorm", "instancenorm": "instancenorm",
    "leakyrelu": "leakyrelu", "prelu": "prelu", "rrelu": "rrelu", "hardtanh": "relu", "relu": "relu", "clip": "relu",
    "hardswish": "hardswish", "hswish": "hardswish", "swish": "silu", "clamp": "relu",
    "hardsigmoid": "hardsigmoid", "sigmoid": "sigmoid", "silu": "silu", "gelu": "gelu",
    "selu": "selu", "celu": "celu", "elu": "elu", "tanh": "tanh", "softmax": "softmax",
    "linear": "linear", "gemm": "linear", "addmm": "linear", "matmul": "matmul", "bmm": "matmul", "einsum": "einsum",
    "fullyconnected": "linear", "innerproduct": "linear",
    "attention": "attention", "embedding": "embedding", "lstm": "lstm", "gru": "gru",
    "maxpool": "max pool", "averagepool": "average pool", "avgpool": "average pool", "pool": "average pool",
    "flatten": "flatten", "dropout": "dropout", "add": "add", "mul": "multiply", "cat": "concatenate",
    "concat": "concatenate", "mean": "mean", "reorder": "reorder", "transpose": "transpose", "permute": "transpose",
    "tomkldnn": "reorder", "todense": "reorder",
}  # fmt: skip
_PARTS = re.compile("|".join(["(?:(?<=conv)|^)bn(?=relu|$)", *sorted(_STEMS, key=len, reverse=True)]))
_CONVERTING = frozenset({"quantize", "dequantize"})
_MULTIPLYING = frozenset({"conv", "linear", "matmul", "attention", "lstm", "gru", "einsum"})


def roles(operator: str) -> frozenset[str]:
    """What an operator does: {conv, relu} of ConvReLU2d, {add, relu} of add_relu; of an unknown one, its own name."""
    if operator.lower().startswith("conv") and "transpose" in operator.lower():
        return frozenset({"conv"})
    squeezed = re.sub(r"[\d_]", "", operator.rpartition("::")[2]).lower()
    if squeezed not in _STEMS:
        squeezed = squeezed.removeprefix("qlinear")
    found = {_STEMS.get(part, "batchnorm") for part in _PARTS.findall(squeezed)} - {""}
    return frozenset(found or {operator.lower()})


def converts(call: LayerCall) -> bool:
    """Whether the call only changes the number format."""
    return bool(roles(call.operator) & _CONVERTING)


def is_multiplying_kind(kind: str) -> bool:
    """Whether rows of that kind multiply: a convolution by its size, or another role that does."""
    return kind in _MULTIPLYING or kind == "depth-wise" or kind[:1].isdigit()


def multiplies(call: LayerCall) -> bool:
    """Whether the call multiplies and accumulates: what number formats are chosen for."""
    return bool(roles(call.operator) & _MULTIPLYING)


def kind_of(calls: Sequence[LayerCall]) -> str:
    """The kind a row is grouped by: that of the one call in it that does most, a convolution by its shape."""
    leading = next((call for call in calls if multiplies(call)), calls[0])
    found = roles(leading.operator)
    if "conv" in found and (weight := weight_of(leading)) is not None:
        return _convolution(leading, weight)
    order = list(_STEMS.values())
    return min(found, key=lambda role: order.index(role) if role in order else len(order))


def weight_of(call: LayerCall) -> Form | None:
    """The weight of a layer that multiplies: its largest parameter of two or more dimensions."""
    matrices = [form for form in call.parameters if len(form.shape) >= 2]
    if not matrices and len(call.inputs) > 1 and "conv" in roles(call.operator):
        matrices = [call.inputs[1]]  # made in the same inference
    return max(matrices, key=lambda form: form.elements, default=None)


def _convolution(call: LayerCall, weight: Form) -> str:
    kernel = weight.shape[2:]
    size = "x".join(map(str, kernel)) if len(kernel) > 1 else f"{kernel[0] if kernel else 1} wide"
    is_transposed = "transpose" in call.operator.lower()
    # Engines put channels first or last, in weights as well: one input channel for each of as many outputs as inputs.
    channels = call.inputs[0].shape if call.inputs else ()
    if not is_transposed and weight.shape[1] == 1 and weight.shape[0] > 1 and weight.shape[0] in channels:
        return "depth-wise"
    return f"{size} transposed" if is_transposed else size
