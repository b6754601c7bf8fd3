"""ONNX files, each with one cause planted in it, and its counterpart without; each function writes one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy

from tests.decoder_graphs import Sizes, decoder_graph, in_four_bits


def _drawn(seed: int, *shape: int) -> Any:
    return (numpy.random.default_rng(seed).standard_normal(shape) / shape[0] ** 0.5).astype(numpy.float32)


def _save(to: Path, nodes: list[Any], weights: dict[str, Any], takes: list[int], gives: list[int]) -> None:
    import onnx

    make = onnx.helper
    ends = [make.make_tensor_value_info(name, 1, form) for name, form in (("x", takes), ("y", gives))]
    held = [onnx.numpy_helper.from_array(values, name) for name, values in weights.items()]
    graph = make.make_graph(nodes, to.stem, ends[:1], ends[1:], held)
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 21)], ir_version=10), str(to))


def _node(kind: str, inputs: list[str], output: str, **attributes: Any) -> Any:
    import onnx

    return onnx.helper.make_node(kind, inputs, [output], name=f"{kind.lower()}_{output}", **attributes)


def convolutions(to: Path) -> None:
    """Four 3x3 convolutions of 32 channels."""
    nodes, weights, flow = [], {}, "x"
    for place in range(4):
        weights[f"w{place}"] = _drawn(place, 32, 32, 3, 3)
        nodes += [
            _node("Conv", [flow, f"w{place}"], f"c{place}", pads=[1, 1, 1, 1]),
            _node("Relu", [f"c{place}"], "y" if place == 3 else f"r{place}"),
        ]
        flow = f"r{place}"
    _save(to, nodes, weights, [1, 32, 28, 28], [1, 32, 28, 28])


def convolutions_dynamic(to: Path) -> None:
    """The same, quantized dynamically: ConvInteger."""
    from onnxruntime import quantization

    source = to.with_suffix(".float.onnx")
    convolutions(source)
    quantization.quantize_dynamic(source, to, weight_type=quantization.QuantType.QInt8)


def convolutions_pairs(to: Path) -> None:
    """The same between quantize-dequantize pairs, which a session fuses unless it is asked to keep them."""
    from onnxruntime import quantization

    source = to.with_suffix(".float.onnx")
    convolutions(source)
    inputs = iter([{"x": _drawn(9, 1, 32, 28, 28)}])

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]  # its library carries no types
        def get_next(self) -> Any:
            return next(inputs, None)

    quantization.quantize_static(source, to, Reader(), per_channel=True, weight_type=quantization.QuantType.QInt8)


def _products(to: Path, *, rows: int) -> None:
    """Twelve products of 2048 columns that end in 4, of one input: finding its range is a good part of each."""
    nodes, weights = [], {}
    for place in range(12):
        weights[f"w{place}"] = _drawn(place, 2048, 4)
        nodes += [
            _node("Mul", ["x", f"s{place}"], f"m{place}"),
            _node("MatMul", [f"m{place}", f"w{place}"], f"p{place}"),
        ]
        weights[f"s{place}"] = numpy.array(1.0 + place / 16, numpy.float32)
    nodes.append(_node("Concat", [f"p{place}" for place in range(12)], "y", axis=1))
    _save(to, nodes, weights, [rows, 2048], [rows, 48])


def ranges_looked_for(to: Path) -> None:
    """Products whose inputs are quantized by a range that is looked for at each call."""
    from onnxruntime import quantization

    source = to.with_suffix(".float.onnx")
    _products(source, rows=64)
    quantization.quantize_dynamic(source, to, weight_type=quantization.QuantType.QInt8)


def ranges_known(to: Path) -> None:
    """The same products, with each range written into the file by hand: a normal input stays within five deviations."""
    import onnx
    from onnx import numpy_helper

    ranges_looked_for(to)
    model = onnx.load(str(to))
    for node in model.graph.node:
        if node.op_type == "DynamicQuantizeLinear":
            _, scale, zero_point = node.output
            held = ((scale, numpy.array(10 / 255, numpy.float32)), (zero_point, numpy.array(128, numpy.uint8)))
            for name, one in held:
                model.graph.initializer.append(numpy_helper.from_array(one, name))
                kind = onnx.helper.np_dtype_to_tensor_dtype(one.dtype)
                model.graph.input.append(onnx.helper.make_tensor_value_info(name, kind, []))  # so nothing is folded
            node.op_type = "QuantizeLinear"
            node.input.extend([scale, zero_point])
            del node.output[1:]
    onnx.save(model, str(to))


def _few_bits(to: Path, level: int) -> None:
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    source = to.with_suffix(".float.onnx")
    weights = {"up": _drawn(1, 512, 2048), "down": _drawn(2, 2048, 512)}
    nodes = [_node("MatMul", ["x", "up"], "a"), _node("Relu", ["a"], "b"), _node("MatMul", ["b", "down"], "y")]
    _save(source, nodes, weights, [32, 512], [32, 512])
    import onnx

    made = MatMulNBitsQuantizer(onnx.load(str(source)), bits=4, block_size=32, is_symmetric=True, accuracy_level=level)
    made.process()
    onnx.save(made.model.model, str(to))


def widened_in_every_call(to: Path) -> None:
    """Weights of four bits that are multiplied in float."""
    _few_bits(to, 0)


def multiplied_in_int8(to: Path) -> None:
    """The same weights, multiplied in int8."""
    _few_bits(to, 4)


def _decoder_of_four_bits(to: Path, *, block: int) -> None:
    """A decoder of 25 million products a token, whose MatMulNBits widen their weights before they multiply in float."""
    source = decoder_graph(to.with_suffix(".float.onnx"), Sizes(width=1024, heads=16, layers=2, hidden=4096))
    in_four_bits(source, to, block=block)


def four_bits_by_128(to: Path) -> None:
    """A scale for 128 weights."""
    _decoder_of_four_bits(to, block=128)


def four_bits_by_32(to: Path) -> None:
    """A scale for 32 weights."""
    _decoder_of_four_bits(to, block=32)
