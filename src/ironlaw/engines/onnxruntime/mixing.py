"""A float ONNX graph with some of its nodes in int8, whole or from a node on, in the engine's own int8 form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ironlaw.engines.onnxruntime.graph import Graph
from ironlaw.engines.onnxruntime.quantized import Decisions
from ironlaw.errors import ArmFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgraph:
    """A graph to run, and its inputs and outputs by names of tensors of the float file."""

    model: Any
    feeds: tuple[str, ...]
    gives: tuple[str, ...]  # in the order of the model's outputs


class Mixing:
    """Writes graphs in which the nodes of a set compute in int8 and all others in float."""

    def __init__(self, ready: Any, made: Any) -> None:
        """Of the float file and of what the quantization tools made of it.

        Raises:
            ArmFailed: the two cannot be set side by side.
        """
        import onnx

        self.ready, self.made = Graph(onnx.shape_inference.infer_shapes(ready)), Graph(made)
        self.decisions = Decisions.of(self.ready, self.made)
        self.outputs = [value.name for value in ready.graph.output]
        self._given_by = {one.gives: name for name, one in self.decisions.nodes.items() if one.gives}
        graph = self.ready.model.graph
        values = (*graph.value_info, *graph.input, *graph.output)
        self._forms = {value.name: value for value in values if value.type.tensor_type.elem_type}

    def behind(self, node: Any) -> list[Any]:
        """A node and all that depend on it, in the order of the file."""
        reached, found = set(node.output), [node]
        for one in self.ready.nodes:
            if one is not node and reached & {name for name in one.input if name}:
                reached |= set(one.output)
                found.append(one)
        return found

    def border(self, nodes: Iterable[Any]) -> list[str]:
        """The tensors that nodes read and none of them writes, without constants."""
        nodes = list(nodes)
        made = {name for node in nodes for name in node.output}
        read = dict.fromkeys(name for node in nodes for name in node.input if name)
        return [name for name in read if name not in made and name not in self.ready.constants]

    def part(
        self, int8: frozenset[str], nodes: Sequence[Any], wanted: Sequence[str], raw: Sequence[str] = ()
    ) -> Subgraph:
        """Some nodes as a graph of their own, with the wanted tensors as outputs: as int8 leaves them, or `raw`.

        Raises:
            ArmFailed: the number format of what it is fed is not known.
        """
        writing = _Writing(self, int8)
        for node in nodes:
            writing.add(node)
        given = [*(writing.seen(name, is_int8=False) for name in wanted), *raw]
        feeds = self.border(nodes)
        from onnx import ValueInfoProto, helper

        held = dict.fromkeys(name for node in writing.nodes for name in node.input if name)
        constants = [
            self._constant(name) for name in held if name in self.ready.constants or name in self.made.constants
        ]
        graph = helper.make_graph(
            writing.nodes,
            "part",
            [self._form(name) for name in feeds],
            [ValueInfoProto(name=name) for name in dict.fromkeys(given)],
            initializer=constants,
        )
        model = helper.make_model(graph, opset_imports=list(self.made.model.opset_import))
        model.ir_version = self.made.model.ir_version
        return Subgraph(model=model, feeds=tuple(feeds), gives=tuple(given))

    def int8_form(self, name: str, int8: frozenset[str]) -> bool:
        """Whether the node that gives a tensor is one of those in int8, and hands it on quantized."""
        return self._given_by.get(name) in int8

    def _constant(self, name: str) -> Any:
        return self.ready.constants[name] if name in self.ready.constants else self.made.constants[name]

    def _form(self, name: str) -> Any:
        if name not in self._forms:
            raise ArmFailed(
                f"the number format of {name} is not known, so what follows it cannot be replayed",
                hint="compare whole arms: --arms",
            )
        return self._forms[name]


@dataclass(slots=True)
class _Writing:
    """The nodes of a part, with a quantize and dequantize wherever a node in int8 reads or gives."""

    of: Mixing
    int8: frozenset[str]
    nodes: list[Any] = field(default_factory=list)
    paired: dict[str, str] = field(default_factory=dict)
    copied: set[str] = field(default_factory=set)

    def add(self, node: Any) -> None:
        """Append a node."""
        import onnx

        quantized = self.of.decisions.nodes.get(node.name) if node.name in self.int8 else None
        if quantized is not None and quantized.replaced_by:
            # Products that read one tensor share what quantizes it.
            self.nodes += [one for one in quantized.replaced_by if one.output[0] not in self.copied]
            self.copied |= {one.output[0] for one in quantized.replaced_by}
            return
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for place, name in enumerate(node.input):
            if not name:
                continue
            if quantized is not None and place in quantized.constants:
                copy.input[place] = self._constant(quantized.constants[place])
            else:
                copy.input[place] = self.seen(name, is_int8=quantized is not None and place in quantized.activations)
        self.nodes.append(copy)

    def _constant(self, dequantize: Any) -> str:
        """The output of a constant's dequantize, under a name that no constant of the float file has."""
        import onnx

        name = f"{dequantize.output[0]}__int8"
        if name not in self.copied:
            self.copied.add(name)
            copy = onnx.NodeProto()
            copy.CopyFrom(dequantize)
            copy.output[0] = name
            self.nodes.append(copy)
        return name

    def seen(self, name: str, *, is_int8: bool) -> str:
        """A tensor as a node sees it: quantized where the node, or the one that gives the tensor, is in int8."""
        if name not in self.of.decisions.pairs or not (is_int8 or self.of.int8_form(name, self.int8)):
            return name
        if name not in self.paired:
            from onnx import helper

            scale, zero = self.of.decisions.pairs[name]
            codes, seen = f"{name}__codes", f"{name}__seen"
            self.nodes.append(
                helper.make_node("QuantizeLinear", [name, scale, zero], [codes], name=f"{name}__quantize")
            )
            self.nodes.append(
                helper.make_node("DequantizeLinear", [codes, scale, zero], [seen], name=f"{name}__restore")
            )
            self.paired[name] = seen
        return self.paired[name]
