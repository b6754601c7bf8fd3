"""An OpenVINO model with some of its layers in int8 and all others in float, whole or from a layer on.

The model is the one that NNCF made. A layer in float reads what it reads in the float model, with the float model's
weights and bias; so what NNCF inserted before it (FakeQuantize, scales of SmoothQuant) has no effect on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ironlaw.engines.openvino.model import MOVING, PRODUCTS, as_constant, core, is_constant
from ironlaw.errors import ArmFailed
from ironlaw.replayer import Rounding

Tensor = tuple[str, int]  # the name of a node of the float model, and which output of it
_ENDS = ("Parameter", "Result", "Constant")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedLayer:
    """A node of the float model that reads quantized values in int8; `own` is its output with the bias added.

    `reads` are its quantized inputs: the tensor of the float model, and its int8 form where one scale serves all of it.
    """

    name: str
    operator: str
    own: str
    reads: tuple[tuple[Tensor, Rounding | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPart:
    """A model to compile: the tensors that it is fed, which outputs of the network it has, and the others after them.

    Outputs of the network that do not depend on the layer it begins at are not among `outputs`.
    """

    model: Any
    feeds: tuple[Tensor, ...]
    outputs: tuple[int, ...]


class LayerMixing:
    """Builds models in which the layers of a set compute in int8 and all others in float."""

    def __init__(self, float_file: Path, int8_file: Path) -> None:
        """Of a float model and of what NNCF made of it.

        Raises:
            ArmFailed: a quantized layer is not in the float model.
        """

        reader = core()
        self.in_float, self.in_int8 = reader.read_model(str(float_file)), reader.read_model(str(int8_file))
        self._floats = {node.get_friendly_name(): node for node in self.in_float.get_ordered_ops()}
        self._fixed = {name for name, node in self._floats.items() if is_constant(node)}
        self._constants: dict[Tensor, Any] = {}
        self.layers = tuple(self._layers())
        self._biases = dict(self._found_biases())

    def _layers(self) -> Iterator[QuantizedLayer]:
        for node in self.in_int8.get_ordered_ops():
            name, kind = node.get_friendly_name(), node.get_type_name()
            if name not in self._floats or kind in MOVING or kind in _ENDS:
                continue
            reads = [found for value in node.input_values() if (found := self._quantizer(value)) is not None]
            if reads:
                tensors = tuple(self._read(quantizer) for quantizer in reads)
                yield QuantizedLayer(name=name, operator=kind, own=self._own(self._floats[name]), reads=tensors)

    def _quantizer(self, value: Any) -> Any:
        """The FakeQuantize that NNCF put before a value, directly or before what only moves values; None without."""
        node = value.get_node()
        if node.get_type_name() == "FakeQuantize" and node.get_friendly_name() not in self._floats:
            return None if self.is_fixed(node) else node
        if node.get_type_name() not in MOVING:
            return None
        return next((found for one in node.input_values() if (found := self._quantizer(one)) is not None), None)

    def _read(self, quantizer: Any) -> tuple[Tensor, Rounding | None]:
        """What a FakeQuantize rounds, behind what else NNCF inserted, and how."""
        value = quantizer.input_value(0)
        is_scaled = False
        while value.get_node().get_friendly_name() not in self._floats:
            value, is_scaled = value.get_node().input_value(0), True
        tensor = (value.get_node().get_friendly_name(), value.get_index())
        ends = [quantizer.input_value(place).get_node() for place in (1, 2)]
        if is_scaled or any(one.get_type_name() != "Constant" or one.data.size != 1 for one in ends):
            return tensor, None
        low, high = (float(one.data.item()) for one in ends)
        most = int(quantizer.get_attributes()["levels"]) - 1
        scale = (high - low) / most
        rounding = Rounding(name=_joined(tensor), scale=scale, zero=round(-low / scale), least=0, most=most)
        return tensor, rounding

    def _own(self, node: Any) -> str:
        """The name of the node that adds the bias to a product; without one the product's."""
        readers = [one.get_node() for one in node.output(0).get_target_inputs()]
        if node.get_type_name() in PRODUCTS and len(readers) == 1 and self._adds_constant(readers[0]):
            return str(readers[0].get_friendly_name())
        return str(node.get_friendly_name())

    def _found_biases(self) -> Iterator[tuple[str, str]]:
        """Biases that NNCF added where the float model has none: the product's name, and the added node's."""
        layers = {one.name for one in self.layers}
        for node in self.in_int8.get_ordered_ops():
            name = node.get_friendly_name()
            if name in self._floats or not self._adds_constant(node):
                continue
            product = next(one.get_node() for one in node.input_values() if not self.is_fixed(one.get_node()))
            if product.get_friendly_name() in layers:
                yield product.get_friendly_name(), name

    def part(
        self, int8: frozenset[str], *, since: str = "", own: str = "", inner: tuple[Tensor, ...] = ()
    ) -> NetworkPart:
        """The model with the layers `int8` in int8; from the layer `since` on if there is one.

        After the network's outputs come the output of the node `own` and the tensors `inner`.
        """
        import openvino

        model = self.in_int8.clone()
        editing = _Editing(self, {node.get_friendly_name(): node for node in model.get_ordered_ops()})
        for layer in self.layers:
            if layer.name not in int8:
                editing.leave_in_float(layer, self._biases.get(layer.name, ""))
        nodes = editing.nodes
        fed: dict[Tensor, Any] = {}
        if since:
            fed = editing.cut(nodes[since])
        places = [place for place, one in enumerate(model.results) if not since or one.get_name() in editing.behind]
        given = [model.results[place].input_value(0) for place in places]
        given += [nodes[own].output(0)] if own else []
        given += [nodes[name].output(index) for name, index in inner]
        parameters = list(fed.values()) if since else list(model.get_parameters())
        made = openvino.Model([openvino.opset13.result(value) for value in given], parameters, "part")
        return NetworkPart(model=made, feeds=tuple(fed), outputs=tuple(places))

    def _adds_constant(self, node: Any) -> bool:
        """Whether a node adds a constant to what is none."""
        if node.get_type_name() != "Add":
            return False
        return sorted(self.is_fixed(value.get_node()) for value in node.input_values()) == [False, True]

    def is_fixed(self, node: Any) -> bool:
        """Whether a node, of either model, has the same output in every inference."""
        if self.is_known(node):
            return node.get_friendly_name() in self._fixed
        sources = [value.get_node() for value in node.input_values()]
        return all(map(self.is_fixed, sources)) if sources else bool(node.get_type_name() == "Constant")

    def is_known(self, node: Any) -> bool:
        """Whether a node is one of the float model's."""
        return node.get_friendly_name() in self._floats

    def counterpart(self, name: str) -> Any:
        """The node of that name in the float model."""
        return self._floats[name]

    def constant(self, value: Any) -> Any:
        """A constant of the float model, to be read in another model."""
        key = (value.get_node().get_friendly_name(), value.get_index())
        if key not in self._constants:
            self._constants[key] = as_constant(value)
        return self._constants[key]

    def moves_quantized(self, node: Any) -> bool:
        """Whether a node only moves values, some of which are quantized in int8."""
        return node.get_type_name() in MOVING and self._quantizer(node.output(0)) is not None


@dataclass(slots=True)
class _Editing:
    """Changes of one copy of the int8 model; `nodes` are those of the float model's names, before any was added."""

    of: LayerMixing
    nodes: dict[str, Any]
    copies: dict[str, Any] = field(default_factory=dict)
    behind: dict[str, Any] = field(default_factory=dict)  # by the names that are each node's own

    def leave_in_float(self, layer: QuantizedLayer, added_bias: str) -> None:
        """Give a layer the inputs that it has in the float model, and take an added bias away."""
        for name in dict.fromkeys((layer.name, layer.own)):
            before = self.of.counterpart(name)
            for place, value in enumerate(before.input_values()):
                self.nodes[name].input(place).replace_source_output(self._float_source(value))
        if added_bias:
            for port in self.nodes[added_bias].output(0).get_target_inputs():
                port.replace_source_output(self.nodes[layer.name].output(0))

    def _float_source(self, value: Any) -> Any:
        """What a value of the float model is in this one."""
        before, name = value.get_node(), value.get_node().get_friendly_name()
        if self.of.is_fixed(before):
            return self.of.constant(value)
        if name not in self.nodes:
            raise ArmFailed(f"NNCF rebuilt {name}: its readers cannot be replayed", hint="compare whole arms: --arms")
        node = self.nodes[name]
        if not self.of.moves_quantized(node) and name not in self.copies:
            return node.output(value.get_index())
        if name not in self.copies:
            from openvino.utils.node_factory import NodeFactory

            sources = [self._float_source(one) for one in before.input_values()]
            made = NodeFactory(node.get_type_info().version_id)
            self.copies[name] = made.create(node.get_type_name(), sources, node.get_attributes())
            self.copies[name].set_friendly_name(f"{name}/float")
        return self.copies[name].output(value.get_index())

    def cut(self, first: Any) -> dict[Tensor, Any]:
        """Feed what depends on a node and reads anything else; the parameters by the tensor that each is fed."""
        from openvino import opset13

        self.behind = _reached(first)
        fed: dict[Tensor, Any] = {}
        waiting, seen = list(self.behind.values()), set(self.behind)
        while waiting:
            for port in waiting.pop().inputs():
                value = port.get_source_output()
                node = value.get_node()
                if node.get_name() in seen or self.of.is_fixed(node):
                    continue
                if not self.of.is_known(node):  # what NNCF inserted, and copies of what moves values
                    seen.add(node.get_name())
                    waiting.append(node)
                    continue
                tensor = (node.get_friendly_name(), value.get_index())
                if tensor not in fed:
                    fed[tensor] = opset13.parameter(value.get_partial_shape(), value.get_element_type())
                port.replace_source_output(fed[tensor].output(0))
        return fed


def _reached(first: Any) -> dict[str, Any]:
    """A node and all that depend on it; by get_name(), as nodes are compared by an operator that makes another node."""
    found, waiting = {str(first.get_name()): first}, [first]
    while waiting:
        for output in waiting.pop().outputs():
            for port in output.get_target_inputs():
                node = port.get_node()
                if node.get_name() not in found:
                    found[str(node.get_name())] = node
                    waiting.append(node)
    return found


def _joined(tensor: Tensor) -> str:
    name, index = tensor
    return f"{name}:{index}" if index else name
