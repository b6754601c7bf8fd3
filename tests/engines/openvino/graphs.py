"""Small models of OpenVINO's, quantized as NNCF and ONNX's QuantizeLinear do; and runtime graphs as the plugin's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy
import openvino
from openvino import opset13 as ops

CHANNELS, SIDE = 8, 12
RISE = "aten::conv_transpose2d/rise"


def values(seed: int, *shape: int) -> numpy.ndarray:
    return (numpy.random.default_rng(seed).standard_normal(shape) * 0.2).astype(numpy.float32)


def quantized(source: Any, name: str) -> Any:
    low, high = (ops.constant(numpy.float32(end)) for end in (-2.56, 2.54))
    made = ops.fake_quantize(source, low, high, low, high, 256)
    made.set_friendly_name(name)
    return made


def stored(seed: int, *shape: int) -> Any:
    """Weights as NNCF stores them: integers, a conversion and a scale."""
    scale = 0.004
    codes = numpy.clip(numpy.round(values(seed, *shape) / scale), -127, 127).astype(numpy.int8)
    return ops.multiply(ops.convert(ops.constant(codes), "f32"), ops.constant(numpy.float32(scale)))


def rising(*, between: bool = False) -> Any:
    """A convolution and a transposed one, both quantized; with a layer that moves values before the second."""
    x = ops.parameter([1, CHANNELS, SIDE, SIDE], numpy.float32, name="x")
    first = ops.convolution(quantized(x, "x/fq"), stored(0, CHANNELS, CHANNELS, 3, 3), [1, 1], [1, 1], [1, 1], [1, 1])
    first.set_friendly_name("first")
    read = quantized(ops.relu(first), "relu/fq")
    if between:
        read = ops.reshape(read, ops.constant(numpy.array([1, CHANNELS, SIDE * 2, SIDE // 2])), False)
        read.set_friendly_name("moved")
    rise = ops.convolution_backprop_data(read, stored(1, CHANNELS, 4, 4, 4), [2, 2])
    rise.set_friendly_name(RISE)
    return openvino.Model([rise], [x], "rising")


def dequantized() -> Any:
    """A product of integers as the ONNX frontend reads it: quantized, converted, shifted and scaled."""
    x = ops.parameter([4, CHANNELS], numpy.float32, name="x")
    zero, high = ops.constant(numpy.float32(0)), ops.constant(numpy.float32(255))
    low_in, high_in = ops.constant(numpy.float32(-2.56)), ops.constant(numpy.float32(2.54))
    codes = ops.convert(ops.fake_quantize(x, low_in, high_in, zero, high, 256), "u8")
    shifted = ops.subtract(ops.convert(codes, "f32"), ops.constant(numpy.float32(128)))
    product = ops.matmul(ops.multiply(shifted, ops.constant(numpy.float32(0.02))), stored(2, CHANNELS, 6), False, False)
    product.set_friendly_name("product")
    return openvino.Model([product], [x], "dequantized")


def runs(model: Any) -> list[list[numpy.ndarray]]:
    return [[values(seed, *model.inputs[0].get_shape())] for seed in (5, 6)]


def node(model: Any, name: str) -> Any:
    return next(one for one in model.get_ops() if one.get_friendly_name() == name)


def ran(*nodes: tuple[str, str, str, str, str]) -> Any:
    """A compiled model whose runtime graph is a chain of nodes: layer type, kernel, format, made from, output."""
    last = ops.parameter([1, 4], numpy.float32)
    _say(last, layerType="Input", primitiveType="unknown_f32", runtimePrecision="f32")
    first = last
    for layer, primitive, precision, origins, output in nodes:
        last = ops.convert(last, output)
        said = {"layerType": layer, "primitiveType": primitive, "runtimePrecision": precision}
        _say(last, originalLayersNames=origins, **said)
    graph = openvino.Model([last], [first], "runtime")
    _say(graph.results[0], layerType="Output", primitiveType="unknown_f32", runtimePrecision="f32")
    return SimpleNamespace(get_runtime_model=lambda: graph)


def compressed_product(name: str) -> Any:
    """A compiled model that multiplies floats by integers, as the plugin lists it: in the format of the weights."""
    x = ops.parameter([4, 64], numpy.float32)
    weights = ops.constant(numpy.zeros((1,), numpy.int8))
    product = ops.convert_like(x, weights)  # any operator that reads both
    for one, layer, kernel in ((x, "Input", "unknown_f32"), (weights, "Const", "unknown_i8")):
        _say(one, layerType=layer, primitiveType=kernel, runtimePrecision="f32")
    said = {"layerType": "FullyConnected", "primitiveType": "brgemm_avx512_f32", "runtimePrecision": "i8"}
    _say(product, originalLayersNames=name, **said)
    graph = openvino.Model([product], [x], "runtime")
    _say(graph.results[0], layerType="Output", primitiveType="unknown_f32", runtimePrecision="f32")
    return SimpleNamespace(get_runtime_model=lambda: graph)


def _say(operator: Any, **said: str) -> None:
    for key, text in said.items():
        operator.set_rt_info(text, key)
