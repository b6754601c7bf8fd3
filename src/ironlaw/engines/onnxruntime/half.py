"""The float32 twin of a file that keeps its numbers in half precision."""

from __future__ import annotations

from typing import Any

from ironlaw.engines.onnxruntime.graph import Graph
from ironlaw.errors import ArmFailed


def widen_half(graph: Graph) -> str:
    """Widen every float16 constant, value and cast to 32 bits; inputs and outputs of the file stay unchanged.

    Raises:
        ArmFailed: the file holds no float16.
    """
    import onnx
    from onnx import TensorProto, helper

    inner = graph.model.graph
    widened = sum(_widen_tensor(tensor) for tensor in inner.initializer)
    casts = 0
    for node in inner.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                widened += _widen_tensor(attribute.t)
            elif node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.FLOAT
                casts += 1
    borders = _cast_borders(graph)
    if not (widened or casts or any(borders)):
        raise ArmFailed("this file holds no float16", hint="leave half=widened out")
    # Nodes made here are before and after all others.
    first = [helper.make_node("Cast", [f"{name}"], [f"{name}_wide"], to=TensorProto.FLOAT) for name in borders[0]]
    last = [helper.make_node("Cast", [f"{name}_wide"], [name], to=TensorProto.FLOAT16) for name in borders[1]]
    nodes = [*first, *inner.node, *last]
    del inner.node[:]
    inner.node.extend(nodes)
    return f"{widened} constants and {casts} casts of float16 made float32"


def _cast_borders(graph: Graph) -> tuple[list[str], list[str]]:
    """Insert casts at float16 inputs and outputs, so that nodes compute on wide values; returns the names of both."""
    from onnx import TensorProto

    def is_half(value: Any) -> bool:
        return bool(value.type.tensor_type.elem_type == TensorProto.FLOAT16)

    inputs = [value.name for value in graph.model.graph.input if is_half(value) and value.name not in graph.constants]
    outputs = [value.name for value in graph.model.graph.output if is_half(value)]
    for name in (*inputs, *outputs):
        graph.redirect(name, f"{name}_wide")
    for node in graph.nodes:
        for place, name in enumerate(node.output):
            if name in outputs:
                node.output[place] = f"{name}_wide"
    return inputs, outputs


def _widen_tensor(tensor: Any) -> bool:
    import numpy
    from onnx import TensorProto, numpy_helper

    if tensor.data_type != TensorProto.FLOAT16:
        return False
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(numpy.float32), tensor.name))
    return True
