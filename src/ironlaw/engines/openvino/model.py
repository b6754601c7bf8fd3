"""OpenVINO models before compilation: what opens them, their products, and which are quantized."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from ironlaw.engines.openvino.runtime_graph import PluginNode

# The model's words for what multiplies and adds, of which both inputs are quantized if any is.
PRODUCTS = {
    "Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData", "MatMul",
}  # fmt: skip
# What only moves or selects values: it may stand between a quantization and the operator that reads it.
MOVING = {
    "Reshape", "Transpose", "Unsqueeze", "Squeeze", "MaxPool", "Pad", "StridedSlice", "Slice", "Concat", "Split",
    "VariadicSplit", "Gather", "ShuffleChannels", "DepthToSpace", "SpaceToDepth",
}  # fmt: skip
# What turns the integers of a QuantizeLinear that was read from an ONNX file back into numbers.
_DEQUANTIZING = {"Convert", "Subtract", "Multiply"}


_COUNTED = re.compile(r"^[A-Za-z0-9]+_\d+$")
_ENDS = ("Parameter", "Result")


@cache
def core() -> Any:
    """The openvino.Core of this process, which is never destroyed.

    Each Core's CPU plugin gives the thread an alternate signal stack and frees it with itself. Where the first of two
    is destroyed before the second, the thread keeps a stack that was freed (OpenVINO 2026.4), and the next signal that
    Python handles, such as Ctrl-C, ends the process.
    """
    import openvino

    return openvino.Core()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceModel:
    """The model before compilation: the type of each node by name, and the nodes meant to run in int8."""

    types: dict[str, str]
    products: frozenset[str]
    quantized: frozenset[str]
    behind: dict[str, str]  # what is added to a product or moves its result, by name, and the product

    @classmethod
    def of(cls, model: Any) -> SourceModel:
        """Read the nodes of a model."""
        nodes = model.get_ordered_ops()
        return cls(
            types={node.get_friendly_name(): node.get_type_name() for node in nodes},
            products=frozenset(node.get_friendly_name() for node in nodes if node.get_type_name() in PRODUCTS),
            quantized=frozenset(node.get_friendly_name() for node in nodes if _is_meant_as_int8(node)),
            behind=dict(_behind(nodes)),
        )

    def kinds(self, node: PluginNode) -> set[str]:
        """The types of the model's nodes that a runtime node computes, as far as names match."""
        return {self.types[name] for name in node.made_from if name in self.types}

    def product(self, node: PluginNode) -> str:
        """The name of the product that a node computes or, without one, of the first node that it was made from."""
        products = [name for name in node.made_from if name in self.products]
        behind = [self.behind[name] for name in node.made_from if name in self.behind]
        return next(iter((*products, *behind, *node.made_from)), "")

    def is_meant_as_int8(self, node: PluginNode) -> bool:
        """Whether the file quantizes the operands of a node's product."""
        return self.product(node) in self.quantized


def number_by_type(model: Any) -> None:
    """Name nodes whose names OpenVINO counted up, as Multiply_4077, by their type and place among those of that type.

    It counts in all that a process has ever made: another process, or another conversion, names the same node
    otherwise, and what leaves it in float would name another node or none.
    """
    counted: dict[str, int] = defaultdict(int)
    for node in model.get_ordered_ops():
        name, kind = node.get_friendly_name(), node.get_type_name()
        if kind not in _ENDS and _COUNTED.search(name):
            node.set_friendly_name(f"{kind}.{counted[kind]}")
            counted[kind] += 1


def _behind(nodes: list[Any]) -> Iterator[tuple[str, str]]:
    """A product's direct readers and the product: the plugin names some nodes after the bias that they add."""
    for node in nodes:
        for value in node.input_values():
            if value.get_node().get_type_name() in PRODUCTS:
                yield node.get_friendly_name(), value.get_node().get_friendly_name()


def _is_meant_as_int8(node: Any) -> bool:
    """Whether a product reads a quantized activation and quantized weights, or two quantized activations."""
    if node.get_type_name() not in PRODUCTS:
        return False
    return all(
        is_quantized(value) if is_constant(value.get_node()) else before_quantization(value) is not None
        for value in node.input_values()[:2]
    )


def before_quantization(source: Any) -> Any:
    """The value before quantization; None if it is not quantized, or if something else computes in between."""
    node = source.get_node()
    kind = node.get_type_name()
    if kind == "FakeQuantize":
        return node.input_value(0)
    if kind in _DEQUANTIZING and all(is_constant(value.get_node()) for value in node.input_values()[1:]):
        return _before_integers(node)
    if kind in MOVING:
        return _moved(source)
    return None


def _before_integers(node: Any) -> Any:
    """Follow a chain of Multiply, Subtract and Convert to the FakeQuantize whose integers it dequantizes."""
    had_integers = False
    while node.get_type_name() in _DEQUANTIZING:
        source = node.input_value(0)
        had_integers |= not source.get_element_type().is_real()
        node = source.get_node()
    return node.input_value(0) if had_integers and node.get_type_name() == "FakeQuantize" else None


def _moved(source: Any) -> Any:
    """A copy of a data-moving node that reads the values before quantization; None if none was quantized."""
    from openvino.utils.node_factory import NodeFactory

    node = source.get_node()
    values = node.input_values()
    before = [None if is_constant(value.get_node()) else before_quantization(value) for value in values]
    if not any(value is not None for value in before):
        return None
    kept = [value if one is None else one for value, one in zip(values, before, strict=True)]
    copy = NodeFactory(node.get_type_info().version_id).create(node.get_type_name(), kept, node.get_attributes())
    copy.set_friendly_name(f"{node.get_friendly_name()}/float")
    return copy.output(source.get_index())


def is_constant(node: Any) -> bool:
    """Whether a node has the same output at every inference."""
    waiting, seen = [node], set[str]()
    while waiting:
        one = waiting.pop()
        if one.get_type_name() in ("Parameter", "ReadValue"):
            return False
        for value in one.input_values():
            if value.get_node().get_name() not in seen:
                seen.add(value.get_node().get_name())
                waiting.append(value.get_node())
    return True


def is_quantized(source: Any) -> bool:
    """Whether a constant is computed from integers of at most eight bits, or rounded to at most eight."""
    waiting = [source]
    while waiting:
        output = waiting.pop()
        node = output.get_node()
        if node.get_type_name() == "FakeQuantize":
            return True
        if not node.input_values() and not output.get_element_type().is_real():
            return bool(output.get_element_type().bitwidth <= 8)
        waiting += node.input_values()[:1]
    return False


def as_constant(source: Any) -> Any:
    """The value of a constant expression, as one constant."""
    import openvino
    from openvino import opset13

    computed = core().compile_model(
        openvino.Model([source], [], "constant"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    folded = opset13.constant(computed({})[0].copy())
    folded.set_friendly_name(f"{source.get_node().get_friendly_name()}/float")
    return folded.output(0)
