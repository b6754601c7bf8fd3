"""Look up and change the graph of an ONNX file."""

from __future__ import annotations

from collections import defaultdict
from typing import Any


class Graph:
    """The nodes of a model by their outputs and inputs, and its constants by name."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.nodes: list[Any] = list(model.graph.node)
        self.makers: dict[str, Any] = {name: node for node in self.nodes for name in node.output if name}
        self.constants: dict[str, Any] = {tensor.name: tensor for tensor in model.graph.initializer}
        self.readers: dict[str, list[Any]] = defaultdict(list)
        for node in self.nodes:
            for name in node.input:
                self.readers[name].append(node)

    def values_of(self, name: str) -> Any:
        """A constant as an array, also of a Constant node; None if the name is no constant."""
        from onnx import numpy_helper

        if name in self.constants:
            return numpy_helper.to_array(self.constants[name])
        maker = self.makers.get(name)
        if maker is not None and maker.op_type == "Constant":
            held = next((one.t for one in maker.attribute if one.name == "value"), None)
            return None if held is None else numpy_helper.to_array(held)
        return None

    def add_constant(self, name: str, values: Any) -> None:
        """Add a constant."""
        from onnx import numpy_helper

        self.model.graph.initializer.append(numpy_helper.from_array(values, name))

    def add_parameter(self, name: str, values: Any) -> None:
        """Add a constant that a caller could override, which prevents constant folding."""
        from onnx import helper

        self.add_constant(name, values)
        kind = helper.np_dtype_to_tensor_dtype(values.dtype)
        self.model.graph.input.append(helper.make_tensor_value_info(name, kind, values.shape))

    def replace(self, node: Any, operator: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        """Replace the operator of a node; its name and its metadata stay."""
        node.op_type, node.domain = operator, ""
        _set(node.input, inputs)
        _set(node.output, outputs)
        if attributes or operator in ("QuantizeLinear", "MatMul"):
            from onnx import helper

            del node.attribute[:]
            node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())

    def redirect(self, old: str, new: str) -> None:
        """Make all readers of one value read another."""
        for node in self.nodes:
            for place, name in enumerate(node.input):
                if name == old:
                    node.input[place] = new

    def with_outputs(self, names: list[str]) -> Any:
        """A copy of the model with these values as additional outputs."""
        import onnx

        copy = onnx.ModelProto()
        copy.CopyFrom(self.model)
        given = {value.name for value in copy.graph.output}
        copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in given)
        return copy

    def prune(self) -> None:
        """Remove nodes and constants that no output depends on, and shapes that may be stale."""
        graph = self.model.graph
        needed = {value.name for value in graph.output}
        kept = []
        for node in reversed(graph.node):
            if needed & set(node.output):
                kept.append(node)
                needed.update(_read_by(node))
        kept.reverse()
        constants = [tensor for tensor in graph.initializer if tensor.name in needed]
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(kept)
        graph.initializer.extend(constants)


def _read_by(node: Any) -> set[str]:
    """The inputs of a node, and of the graphs inside it."""
    names = {name for name in node.input if name}
    for attribute in node.attribute:
        for inner in (attribute.g, *attribute.graphs) if attribute.HasField("g") or attribute.graphs else ():
            names.update(value.name for value in inner.output)
            for one in inner.node:
                names |= _read_by(one)
    return names


def _set(field: Any, values: list[str]) -> None:
    del field[:]
    field.extend(values)
