"""Corrects the biases of an int8 file for what rounding shifts: the mean of each output, by channel.

Rounded weights and inputs move the mean of a layer's output, and the layers behind it add these shifts up. Method:
Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (2019), section 4.2, with means
over calibration inputs. ONNX Runtime's own tools have no such step. Each layer is corrected on the values that it
receives in the float network, so that its correction does not depend on which other layers are in int8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ironlaw.engines.onnxruntime.mixing import Mixing
from ironlaw.engines.onnxruntime.quantized import QuantizedNode
from ironlaw.errors import ArmFailed

_CORRECTED = ("Conv", "ConvTranspose", "Gemm")  # the operators with a bias of their own
_BIAS = 2  # its place among their inputs


def correct_biases(float_file: Path, int8_file: Path, feeds: Iterable[Mapping[str, Any]]) -> int:
    """Rewrite a QDQ file with corrected biases; the number of layers whose bias changed.

    `float_file` is what the tools quantized, `feeds` are arrays by name of input.

    Raises:
        ArmFailed: no layer in int8 has a bias, or none changes by a step of its scale.
    """
    import numpy
    import onnx
    from onnx import numpy_helper

    mixing = Mixing(onnx.load(str(float_file)), onnx.load(str(int8_file)))
    made = mixing.made
    biased = [
        one for one in mixing.decisions.nodes.values() if one.node.op_type in _CORRECTED and _BIAS in one.constants
    ]
    if not biased:
        raise ArmFailed("no layer that became int8 has a bias to correct", hint="leave quantization.bias-correction")
    changed = 0
    for one, shift in zip(biased, _mean_shifts(mixing, biased, feeds), strict=True):
        name, scale = one.constants[_BIAS].input[:2]
        bias = made.values_of(name)
        ends = numpy.iinfo(bias.dtype)
        steps = numpy.rint(shift.reshape(bias.shape) / made.values_of(scale)).astype(numpy.int64)
        corrected = numpy.clip(bias + steps, ends.min, ends.max).astype(bias.dtype)
        changed += bool((corrected != bias).any())
        made.constants[name].CopyFrom(numpy_helper.from_array(corrected, name))
    if not changed:
        raise ArmFailed("no bias changes by a step of its scale", hint="leave quantization.bias-correction")
    onnx.save(made.model, str(int8_file))
    return changed


def _mean_shifts(mixing: Mixing, biased: list[QuantizedNode], feeds: Iterable[Mapping[str, Any]]) -> list[Any]:
    """By layer, the mean of its float output less that of its int8 form on the same inputs, by channel."""
    import numpy

    own = [str(one.node.output[0]) for one in biased]
    parts = [
        mixing.part(frozenset({one.node.name}), [one.node], (), raw=(name,))
        for one, name in zip(biased, own, strict=True)
    ]
    inputs = {value.name for value in mixing.ready.model.graph.input}
    read = [name for part in parts for name in part.feeds if name not in inputs]
    names = list(dict.fromkeys([*own, *read]))
    in_float, rounded = _session(mixing.ready.with_outputs(names)), [_session(part.model) for part in parts]
    totals, count = [numpy.zeros(()) for _ in biased], 0
    for feed in feeds:
        values = {**feed, **dict(zip(names, in_float.run(names, dict(feed)), strict=True))}
        for place, (name, part) in enumerate(zip(own, parts, strict=True)):
            (output,) = rounded[place].run(None, {one: values[one] for one in part.feeds})
            totals[place] = totals[place] + _by_channel(values[name]) - _by_channel(output)
        count += 1
    return [total / count for total in totals]


def _session(model: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what it raises becomes the arm's failure
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # one of many that are open
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _by_channel(output: Any) -> Any:
    """The mean of an output over all axes but that of its channels, the second one."""
    axes = tuple(axis for axis in range(output.ndim) if axis != 1)
    return output.mean(axis=axes, dtype="float64")
