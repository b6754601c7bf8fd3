"""The decisions of the quantization tools, node by node, read from the file that they wrote."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ironlaw.engines.onnxruntime.graph import Graph
from ironlaw.errors import ArmFailed

_PAIR = ("QuantizeLinear", "DequantizeLinear")
# Of what dynamic quantization puts in a node's place: one of these, with its conversions. A table that is read, as of
# embeddings, is restored by a dequantize.
_DYNAMIC = ("MatMulInteger", "ConvInteger", "DynamicQuantizeLSTM", "DequantizeLinear")
_OF_OUTPUT = "_QuantizeLinear_Input"  # appended by the tools to a network's output, whose name the pair then has


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedNode:
    """A node that computes in int8: by place of an input the pair or the constant's dequantize that is before it.

    `gives` is the tensor after the node that is quantized, which an activation folded into it may have made. Where the
    tools have put several nodes in its place, as dynamic quantization does, these are `replaced_by`.
    """

    node: Any  # of the float file
    activations: dict[int, str] = field(default_factory=dict)  # input place -> tensor of the float file
    constants: dict[int, Any] = field(default_factory=dict)  # input place -> DequantizeLinear
    gives: str = ""
    replaced_by: tuple[Any, ...] = ()  # of the quantized file, in its order


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """The nodes of a float file that the tools quantized, and the scale and zero point of each tensor, by name."""

    nodes: dict[str, QuantizedNode]  # by name of node, in the order of the float file
    pairs: dict[str, tuple[str, str]]  # tensor of the float file -> names of scale and zero point

    @classmethod
    def of(cls, ready: Graph, made: Graph) -> Decisions:
        """Compare the two files.

        Raises:
            ArmFailed: the tools have rebuilt the graph: a quantized node is not in the float file.
        """
        by_name = {node.name: node for node in ready.nodes if node.name}
        if not any(node.op_type == "QuantizeLinear" for node in made.nodes):  # ranges are found at each call
            return cls(nodes=_replaced(ready, made), pairs={})
        pairs = {
            node.input[0].removesuffix(_OF_OUTPUT): (node.input[1], node.input[2])
            for node in made.nodes
            if node.op_type == "QuantizeLinear"
        }
        found: dict[str, QuantizedNode] = {}
        for node in made.nodes:
            if node.op_type in _PAIR or not any(_dequantize(made, name) for name in node.input):
                continue
            if node.name not in by_name or len(by_name[node.name].input) != len(node.input):
                raise ArmFailed(
                    f"{node.name or node.op_type} was rebuilt by the quantization tools: it cannot be replayed",
                    hint="compare whole arms: --arms",
                )
            one = _quantized(by_name[node.name], node, made, pairs)
            if one is not None:
                found[node.name] = one
        return cls(nodes={name: found[name] for name in by_name if name in found}, pairs=pairs)


def _replaced(ready: Graph, made: Graph) -> dict[str, QuantizedNode]:
    """The nodes that dynamic quantization has replaced, each by what computes its outputs from the tensors it read."""
    known = {*ready.makers, *(value.name for value in ready.model.graph.input)}
    order = {id(node): place for place, node in enumerate(made.nodes)}
    found = {}
    for node in ready.nodes:
        between: dict[int, Any] = {}
        waiting = [name for name in node.output if name in made.makers]
        while waiting:
            maker = made.makers[waiting.pop()]
            if id(maker) not in between:
                between[id(maker)] = maker
                waiting += [name for name in maker.input if name in made.makers and name not in known]
        in_its_place = tuple(sorted(between.values(), key=lambda one: order[id(one)]))
        if node.name and any(one.op_type in _DYNAMIC for one in in_its_place):
            found[node.name] = QuantizedNode(node=node, replaced_by=in_its_place)
    return found


def _dequantize(graph: Graph, name: str) -> Any:
    maker = graph.makers.get(name)
    return maker if maker is not None and maker.op_type == "DequantizeLinear" else None


def _quantized(before: Any, node: Any, made: Graph, pairs: dict[str, tuple[str, str]]) -> QuantizedNode | None:
    """The node as it is quantized; None where it computes in float, or only hands values on."""
    activations, constants = {}, {}
    floats = 0
    for place, name in enumerate(node.input):
        behind = _dequantize(made, name)
        if behind is None:
            floats += bool(name) and name not in made.constants
        elif behind.input[0] in made.constants:
            constants[place] = behind
        else:
            activations[place] = str(before.input[place])
    gives = str(node.output[0]).removesuffix(_OF_OUTPUT)
    is_given = gives in pairs
    if not constants and (floats or not is_given or not activations):
        return None
    if not constants and is_given and all(_same_step(made, pairs, name, gives) for name in activations.values()):
        return None  # it moves values and computes nothing: it follows its neighbours
    return QuantizedNode(node=before, activations=activations, constants=constants, gives=gives if is_given else "")


def _same_step(made: Graph, pairs: dict[str, tuple[str, str]], one: str, other: str) -> bool:
    if one not in pairs:
        return False
    values = [[made.values_of(name) for name in pairs[tensor]] for tensor in (one, other)]
    return all(
        mine is not None and theirs is not None and (mine == theirs).all() for mine, theirs in zip(*values, strict=True)
    )
