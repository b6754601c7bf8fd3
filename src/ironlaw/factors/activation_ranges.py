"""activation-ranges: when the ranges of dynamically quantized activations are computed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

from ironlaw.errors import ArmFailed
from ironlaw.factor import ActsOn, Factor
from ironlaw.missing import Maybe, Missing
from ironlaw.program import Program

# The libraries that have a kernel which is dynamic but for the range; both pack a linear layer for FBGEMM.
_ENGINES = ("x86", "fbgemm")
_FORWARD = "forward"
_REPACKED = "the layer was packed again in another format"


class ActivationRanges(Factor):
    """fixed: every dynamically quantized Linear uses a given range of its inputs, instead of computing one at each
    call.

    Layers, packed weights, product and float interfaces stay the same: only the pass over the input that computes its
    minimum and maximum is removed. Static quantization would change more (other layers, int8 between them), so that a
    comparison with it isolates no cause.
    """

    name = "activation-ranges"
    summary = "when the ranges of dynamically quantized activations are found"
    plain = "own"
    levels = ("own", "fixed")
    remedies: ClassVar = {
        "fixed": "quantize statically, so that ranges are known beforehand, and calibrate on real inputs",
    }
    acts_on = ActsOn.MODULE
    may_move = "the answers, where an input lies outside of the range that was seen; quantizing at each call stays"

    def change(self, level: str, program: Program) -> Program:
        """Find each layer's range over the arm's inputs, and give it to the layer."""
        import torch

        if program.module is None:
            raise ArmFailed(
                "only the layers of torch modules can be given a range", hint="leave activation-ranges=fixed out"
            )
        layers = list(range_finders(program.module))
        if not layers:
            raise ArmFailed(
                "no layer of this model finds a range that it could be given: "
                f"only dynamically quantized Linear layers packed for {' or '.join(_ENGINES)}",
                hint="leave activation-ranges=fixed out",
            )
        with torch.no_grad():
            seen = _watched(layers, program)
        for layer, (low, high) in zip(layers, seen, strict=True):
            _give(layer, low, high)
        return program

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """The number of such layers left."""
        if program.module is None:
            return Missing("no torch module")
        return f"{sum(1 for _ in range_finders(program.module))} layers left that find a range"


def range_finders(module: Any) -> Iterator[Any]:
    """The layers that compute the range of their input at each call and could be given one."""
    import torch
    from torch.ao.nn.intrinsic.quantized import dynamic as fused
    from torch.ao.nn.quantized import dynamic

    if torch.backends.quantized.engine not in _ENGINES:
        return
    for layer in module.modules():
        finds = type(layer) in (dynamic.Linear, fused.LinearReLU) and _FORWARD not in vars(layer)
        if finds and layer._packed_params.dtype == torch.qint8 and layer.version is not None:
            yield layer


def _watched(layers: list[Any], program: Program) -> list[tuple[float, float]]:
    """The minimum and maximum of each layer's inputs."""
    import torch

    seen: dict[int, list[Any]] = {id(layer): [] for layer in layers}

    def look(layer: Any, arguments: tuple[Any, ...]) -> None:
        seen[id(layer)].append(torch.stack(torch.aminmax(arguments[0])))

    hooks = [layer.register_forward_pre_hook(look) for layer in layers]
    try:
        for arguments in program.inputs:
            program.infer(*arguments)
    finally:
        for hook in hooks:
            hook.remove()
    if not all(seen.values()):
        raise ArmFailed(
            "a dynamically quantized layer of this model is never called", hint="leave activation-ranges=fixed out"
        )
    ends = [torch.stack(seen[id(layer)]) for layer in layers]
    return [(float(pairs[:, 0].min()), float(pairs[:, 1].max())) for pairs in ends]


def _give(layer: Any, low: float, high: float) -> None:
    """Set a layer's quantization parameters to those it would compute for an input with this range."""
    import torch

    reduced = layer.version >= 4  # as its own forward asks for: 7 bits of 8
    scale, zero_point = torch._choose_qparams_per_tensor(torch.tensor([low, high]), reduced)
    rectifies = "ReLU" in type(layer).__name__
    forward = _forward_with_relu if rectifies else _forward_plain
    setattr(layer, _FORWARD, partial(forward, torch, layer, scale, zero_point))


# What torch's own forward does, by the same steps of Python but for the range: its look at the number format, its way
# to the operator through torch.ops, one argument by keyword. A microsecond less would look like a range not looked for,
# a step more would hide it: so there are two functions that one more call could make into one.
def _forward_plain(torch: Any, layer: Any, scale: float, zero_point: int, x: Any) -> Any:
    if layer._packed_params.dtype != torch.qint8 or layer.version is None:
        raise RuntimeError(_REPACKED)
    answer = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
        x, scale, zero_point, W_prepack=layer._packed_params._packed_params
    )
    return answer.to(x.dtype)


def _forward_with_relu(torch: Any, layer: Any, scale: float, zero_point: int, x: Any) -> Any:
    if layer._packed_params.dtype != torch.qint8 or layer.version is None:
        raise RuntimeError(_REPACKED)
    answer = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_relu_output_fp32(
        x, scale, zero_point, W_prepack=layer._packed_params._packed_params
    )
    return answer.to(x.dtype)


FACTOR = ActivationRanges()
