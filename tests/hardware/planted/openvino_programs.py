"""OpenVINO's model files, each with one cause planted in it, and its counterpart without; each function writes one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

_WIDTH, _SIDE = 32, 28


def _drawn(seed: int, *shape: int) -> Any:
    size = numpy.prod(shape[1:]) ** 0.5
    return (numpy.random.default_rng(seed).standard_normal(shape) / size).astype(numpy.float32)


def _save(to: Path, node: Any, x: Any) -> None:
    import openvino

    openvino.save_model(openvino.Model([node], [x], to.stem), str(to), compress_to_fp16=False)


def _input(*shape: int) -> Any:
    from openvino import opset13 as ops

    return ops.parameter(list(shape), numpy.float32, name="x")


def _as_it_is(node: Any) -> Any:
    return node


def _rounded(node: Any) -> Any:
    """FakeQuantize over five deviations of a normal input."""
    from openvino import opset13 as ops

    ends = [ops.constant(numpy.float32(end)) for end in (-5.0, 5.0 - 10 / 256)]
    return ops.fake_quantize(node, *ends, *ends, 256)


def _float_weights(values: Any) -> Any:
    from openvino import opset13 as ops

    return ops.constant(values)


def _int8_weights(values: Any) -> Any:
    from openvino import opset13 as ops

    step = numpy.float32(numpy.abs(values).max() / 127)
    codes = ops.constant(numpy.round(values / step).astype(numpy.int8))
    return ops.multiply(ops.convert(codes, "f32"), ops.constant(step))


def _int8_weights_by_output(values: Any) -> Any:
    """With a scale for each output of a transposed convolution, its second axis."""
    from openvino import opset13 as ops

    step = (numpy.abs(values).max(axis=(0, 2), keepdims=True) / 127).astype(numpy.float32)
    codes = ops.constant(numpy.round(values / step).astype(numpy.int8))
    return ops.multiply(ops.convert(codes, "f32"), ops.constant(step))


def _convolutions(to: Path, read: Callable[[Any], Any], stored: Callable[[Any], Any]) -> None:
    """Four 3x3 convolutions."""
    from openvino import opset13 as ops

    flow = x = _input(1, _WIDTH, _SIDE, _SIDE)
    for place in range(4):
        weights = stored(_drawn(place, _WIDTH, _WIDTH, 3, 3))
        flow = ops.relu(ops.convolution(read(flow), weights, [1, 1], [1, 1], [1, 1], [1, 1]))
    _save(to, flow, x)


def convolutions(to: Path) -> None:
    """In float."""
    _convolutions(to, _as_it_is, _float_weights)


def convolutions_int8(to: Path) -> None:
    """Quantized: OpenVINO runs them in int8."""
    _convolutions(to, _rounded, _int8_weights)


def _rising(to: Path, read: Callable[[Any], Any], stored: Callable[[Any], Any]) -> None:
    """Two transposed convolutions over time with biases, whose int8 form OpenVINO 2026.4 runs by float kernels."""
    from openvino import opset13 as ops

    flow = x = _input(1, 128, 48)
    for place, (wide, factor) in enumerate(((128, 8), (64, 4))):
        weights = stored(_drawn(place, wide, wide // 2, 2 * factor))
        pads = [factor // 2]
        risen = ops.convolution_backprop_data(read(flow), weights, [factor], pads_begin=pads, pads_end=pads)
        flow = ops.relu(ops.add(risen, ops.constant(_drawn(place, 1, wide // 2, 1))))
    _save(to, flow, x)


def rising(to: Path) -> None:
    """In float."""
    _rising(to, _as_it_is, _float_weights)


def rising_int8(to: Path) -> None:
    """Quantized."""
    _rising(to, _rounded, _int8_weights_by_output)


def beyond_the_cache(to: Path) -> None:
    """Ten products of one row by square weights of 4 MB, more than the caches of most CPUs hold."""
    from openvino import opset13 as ops

    flow = x = _input(1, 1024)
    for place in range(10):
        flow = ops.relu(ops.matmul(flow, ops.constant(_drawn(place, 1024, 1024)), False, True))
    _save(to, flow, x)


def products_compressed(to: Path) -> None:
    """Four products of 1024 over 64 rows with weights of eight bits: widened, or multiplied in int8 as is asked."""
    from openvino import opset13 as ops

    flow = x = _input(64, 1024)
    for place in range(4):
        flow = ops.relu(ops.matmul(flow, _int8_weights(_drawn(place, 1024, 1024)), False, True))
    _save(to, flow, x)
