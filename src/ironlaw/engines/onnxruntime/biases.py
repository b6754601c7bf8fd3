"""Corrects the biases of an int8 file for what rounding shifts: the mean of each output, by channel.

Rounded weights and inputs move the mean of a layer's output, and the layers behind it add these shifts up. Method:
Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (2019), section 4.2, with means
over calibration inputs. ONNX Runtime's own tools have no such step. Each layer is corrected on the values that it
receives in the float network, so that its correction does not depend on which other layers are in int8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironlaw.engines.onnxruntime.graph import Graph
from ironlaw.errors import ArmFailed

_CORRECTED = ("Conv", "ConvTranspose", "Gemm")  # the operators with a bias of their own
_BIAS = 2  # its place among their inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class _Biased:
    """A node in int8: its float output, its output as rounded, and the int32 bias with the scale of its steps."""

    in_float: str
    rounded: str
    bias: str
    scale: str


def correct_biases(float_file: Path, int8_file: Path, feeds: Iterable[Mapping[str, Any]]) -> int:
    """Rewrite a QDQ file with corrected biases; the number of layers whose bias changed.

    `float_file` is what the tools quantized, `feeds` are arrays by name of input.

    Raises:
        ArmFailed: no layer in int8 has a bias, or none changes by a step of its scale.
    """
    import numpy
    import onnx
    from onnx import numpy_helper

    made = Graph(onnx.load(str(int8_file)))
    model, biased = _beside(onnx.load(str(float_file)), made)
    if not biased:
        raise ArmFailed("no layer that became int8 has a bias to correct", hint="leave quantization.bias-correction")
    shifts = _mean_shifts(model, biased, feeds)
    changed = 0
    for one, shift in zip(biased, shifts, strict=True):
        bias, scale = made.values_of(one.bias), made.values_of(one.scale)
        ends = numpy.iinfo(bias.dtype)
        steps = numpy.rint(shift.reshape(bias.shape) / scale).astype(numpy.int64)
        corrected = numpy.clip(bias + steps, ends.min, ends.max).astype(bias.dtype)
        changed += bool((corrected != bias).any())
        made.constants[one.bias].CopyFrom(numpy_helper.from_array(corrected, one.bias))
    if not changed:
        raise ArmFailed("no bias changes by a step of its scale", hint="leave quantization.bias-correction")
    onnx.save(made.model, str(int8_file))
    return changed


def _beside(model: Any, made: Graph) -> tuple[Any, list[_Biased]]:
    """The float model with, beside each node that became int8, the same node of rounded inputs, weights and bias.

    Both of its outputs are given as means by channel.
    """
    import onnx
    from onnx import helper

    graph = model.graph
    nodes = {node.name: node for node in graph.node if node.name}
    writing = _Writing(made)
    found: list[_Biased] = []
    for node in made.nodes:
        before = nodes.get(node.name)
        if node.op_type not in _CORRECTED or before is None or len(node.input) <= _BIAS:
            continue
        behind = [made.makers.get(name) for name in node.input]
        restored = [one for one in behind if one is not None and one.op_type == "DequantizeLinear"]
        if len(restored) < len(node.input):
            continue
        bias, scale = restored[_BIAS].input[:2]
        if not {bias, scale, restored[1].input[0]} <= set(made.constants):
            continue
        copy = onnx.NodeProto()
        copy.CopyFrom(before)
        copy.name, copy.output[0] = f"{before.name}__rounded", f"{before.output[0]}__rounded"
        copy.input[0] = writing.activation(before.input[0], restored[0])
        copy.input[1], copy.input[_BIAS] = writing.constant(restored[1]), writing.constant(restored[_BIAS])
        writing.nodes.append(copy)
        found.append(_Biased(in_float=before.output[0], rounded=copy.output[0], bias=bias, scale=scale))
    # Behind all float nodes, on whose outputs they depend.
    graph.node.extend(writing.nodes)
    graph.initializer.extend(made.constants[name] for name in writing.constants)
    del graph.output[:]
    for name in dict.fromkeys(name for one in found for name in (one.in_float, one.rounded)):
        graph.output.append(helper.make_empty_tensor_value_info(name))
    return model, found


class _Writing:
    """Nodes that round values as an int8 file does, under names that the float file does not have."""

    def __init__(self, made: Graph) -> None:
        self._made = made
        self.nodes: list[Any] = []
        self.constants: dict[str, None] = {}
        self._named: dict[str, str] = {}

    def activation(self, name: str, restore: Any) -> str:
        """A tensor of the float file behind the quantize and dequantize that the int8 file has there."""
        from onnx import helper

        if name not in self._named:
            codes, seen = f"{name}__codes", f"{name}__seen"
            scales = list(restore.input[1:])
            self._keep(scales)
            self.nodes.append(helper.make_node("QuantizeLinear", [name, *scales], [codes]))
            self.nodes.append(helper.make_node("DequantizeLinear", [codes, *scales], [seen]))
            self._named[name] = seen
        return self._named[name]

    def constant(self, restore: Any) -> str:
        """A dequantized constant."""
        import onnx

        name = f"{restore.output[0]}__int8"
        if name not in self._named:
            copy = onnx.NodeProto()
            copy.CopyFrom(restore)
            copy.name, copy.output[0] = "", name
            self._keep(list(restore.input))
            self.nodes.append(copy)
            self._named[name] = name
        return name

    def _keep(self, names: list[str]) -> None:
        self.constants.update(dict.fromkeys(name for name in names if name in self._made.constants))


def _mean_shifts(model: Any, biased: list[_Biased], feeds: Iterable[Mapping[str, Any]]) -> list[Any]:
    """By layer, the mean of the float output less that of the rounded one, by channel."""
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what it raises becomes the arm's failure
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [name for one in biased for name in (one.in_float, one.rounded)]
    totals, count = [numpy.zeros(()) for _ in biased], 0
    for feed in feeds:
        outputs = session.run(names, dict(feed))
        for place in range(len(biased)):
            totals[place] = totals[place] + _by_channel(outputs[2 * place]) - _by_channel(outputs[2 * place + 1])
        count += 1
    return [total / count for total in totals]


def _by_channel(output: Any) -> Any:
    """The mean of an output over all axes but that of its channels, the second one."""
    axes = tuple(axis for axis in range(output.ndim) if axis != 1)
    return output.mean(axis=axes, dtype="float64")
