"""The float forms of quantized operators: the same weight values, multiplied in float."""

from __future__ import annotations

from typing import Any

from ironlaw.engines.onnxruntime.graph import Graph
from ironlaw.errors import ArmFailed

_CONV_ATTRIBUTES = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")


def leave_in_float(graph: Graph, chosen: list[Any], said: str) -> str:
    """Make nodes compute in float, with the dequantized values of their weights.

    Raises:
        ArmFailed: there is no such node, or none of the known forms: names it.
    """
    if not chosen:
        raise ArmFailed(f"{said} changes nothing: this file has no such operator", hint=f"leave {said} out")
    for node in chosen:
        match node.op_type:
            case "ConvInteger" | "MatMulInteger":
                _widen_integer(graph, node)
            case "MatMulNBits":
                _widen_nbits(graph, node)
            case "Conv" | "ConvTranspose" | "MatMul" | "Gemm":
                _widen_pair(graph, node)
            case _:
                raise ArmFailed(
                    f"{node.name or node.op_type} ({node.op_type}) has no float form that is known here",
                    hint="name ConvInteger, MatMulInteger, MatMulNBits, or a product between quantize-dequantize pairs",
                )
    kinds = sorted({node.op_type for node in chosen})
    return f"{len(chosen)} operators left in float, now {' and '.join(kinds)}"


def _widen_integer(graph: Graph, node: Any) -> None:
    """Replace ConvInteger or MatMulInteger, its DynamicQuantizeLinear and its scaling by one float operator."""
    quantizing = graph.makers.get(node.input[0])
    cast = _only_reader(graph, node.output[0], "Cast")
    scaling = _only_reader(graph, cast.output[0], "Mul") if cast is not None else None
    if quantizing is None or quantizing.op_type not in ("DynamicQuantizeLinear", "QuantizeLinear") or scaling is None:
        raise _unknown_form(node)
    step = _scale_of_weight(graph, scaling, besides=cast.output[0], activation=_scale_of(quantizing))
    stored, zero = graph.values_of(node.input[1]), _optional(graph, node, 3)
    if step is None or stored is None:
        raise _unknown_form(node)
    # One scale, or one per output: of a convolution that is the first axis, of a product the last.
    is_conv = node.op_type == "ConvInteger"
    values = _dequantized(stored, step, zero, axis=0 if is_conv else stored.ndim - 1)
    weight = f"{node.input[1]}_widened_{node.name}"
    graph.add_constant(weight, values)
    kept = {one.name: _attribute(one) for one in node.attribute if is_conv and one.name in _CONV_ATTRIBUTES}
    result = scaling.output[0]
    scaling.output[0] = f"{result}_unused"
    graph.replace(node, "Conv" if is_conv else "MatMul", [quantizing.input[0], weight], [result], **kept)


def _widen_nbits(graph: Graph, node: Any) -> None:
    """Replace MatMulNBits with 4 or 8 bits per weight by a product with the widened weights."""
    import numpy

    attributes = {one.name: _attribute(one) for one in node.attribute}
    columns, rows, bits, block = (int(attributes[name]) for name in ("N", "K", "bits", "block_size"))
    packed, steps = graph.values_of(node.input[1]), graph.values_of(node.input[2])
    if packed is None or steps is None or bits not in (4, 8) or len([name for name in node.input if name]) > 4:
        raise _unknown_form(node)
    blocks = -(-rows // block)
    codes = _unpacked(packed.reshape(columns, blocks, -1), bits)
    zeros: Any = numpy.full((columns, blocks), 1 << (bits - 1))
    if len(node.input) > 3 and node.input[3]:
        given = graph.values_of(node.input[3])
        if given is None:
            raise _unknown_form(node)
        zeros = (
            _unpacked(given.reshape(columns, 1, -1), bits)[:, 0, :blocks]
            if given.dtype == numpy.uint8
            else given.reshape(columns, blocks)
        )
    values = (codes - zeros[:, :, None]) * steps.reshape(columns, blocks, 1).astype(numpy.float32)
    weight = f"{node.input[1]}_widened_{node.name}"
    whole = values.reshape(columns, blocks * block)[:, :rows].T
    graph.add_constant(weight, numpy.ascontiguousarray(whole, dtype=numpy.float32))
    graph.replace(node, "MatMul", [node.input[0], weight], list(node.output))


def _unpacked(packed: Any, bits: int) -> Any:
    """Unpack 4-bit numbers, two per byte with the lower half first; bytes stay."""
    import numpy

    wide = packed.astype(numpy.int32)
    if bits == 8:
        return wide
    halves = numpy.stack((wide & 15, wide >> 4), axis=-1)
    return halves.reshape(*packed.shape[:-1], -1)


def _widen_pair(graph: Graph, node: Any) -> None:
    """Give an operator between quantize-dequantize pairs float weights, so that it cannot be fused into int8."""
    maker = graph.makers.get(node.input[1]) if len(node.input) > 1 else None
    if maker is None or maker.op_type != "DequantizeLinear":
        raise ArmFailed(f"{node.name or node.op_type} has no quantized weights", hint="name a quantized operator")
    stored, step = graph.values_of(maker.input[0]), graph.values_of(maker.input[1])
    if stored is None or step is None:
        raise _unknown_form(node)
    axis = next((int(one.i) for one in maker.attribute if one.name == "axis"), 1)
    weight = f"{maker.output[0]}_widened_{node.name}"
    graph.add_constant(weight, _dequantized(stored, step, _optional(graph, maker, 2), axis=axis))
    node.input[1] = weight


def _dequantized(stored: Any, step: Any, zero: Any, *, axis: int) -> Any:
    """(stored - zero) * step in float32, along an axis if there are several steps."""
    import numpy

    form = [1] * stored.ndim
    if step.size > 1:
        form[axis] = step.size
    shift = 0 if zero is None else zero.astype(numpy.int32).reshape(form if zero.size > 1 else [1] * stored.ndim)
    return ((stored.astype(numpy.int32) - shift) * step.reshape(form)).astype(numpy.float32)


def _scale_of(quantizing: Any) -> str:
    return str(quantizing.output[1] if quantizing.op_type == "DynamicQuantizeLinear" else quantizing.input[1])


def _scale_of_weight(graph: Graph, scaling: Any, *, besides: str, activation: str) -> Any:
    """The weight's scale: what the result is multiplied by, besides the scale of the activations."""
    (scales,) = [name for name in scaling.input if name != besides] or [""]
    product = graph.makers.get(scales)
    if product is None or product.op_type != "Mul" or activation not in product.input:
        return None
    (other,) = [name for name in product.input if name != activation] or [""]
    return graph.values_of(other)


def _only_reader(graph: Graph, name: str, operator: str) -> Any:
    readers = graph.readers[name]
    return readers[0] if len(readers) == 1 and readers[0].op_type == operator else None


def _optional(graph: Graph, node: Any, place: int) -> Any:
    return graph.values_of(node.input[place]) if len(node.input) > place and node.input[place] else None


def _attribute(one: Any) -> Any:
    from onnx import helper

    return helper.get_attribute_value(one)


def _unknown_form(node: Any) -> ArmFailed:
    return ArmFailed(
        f"{node.name or node.op_type} ({node.op_type}) is not between a quantize and a dequantize",
        hint="leave this level out for this file",
    )
