"""The census of the runtime graph: node types, kernels, and conversions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ironlaw.engines.openvino import runtime_graph
from ironlaw.engines.openvino.model import SourceModel
from ironlaw.engines.openvino.runtime_graph import FLOATS, INTEGERS, PRODUCTS, PluginNode
from ironlaw.program import OperatorCensus

# Besides these, nodes that have kernels of their own for eight bits.
_COMPUTES = {*PRODUCTS, "Eltwise", "Pooling", "Concatenation", "Interpolate", "MVN", "Softmax", "NormalizeL2"}
_CONVOLVING = ("Convolution", "Deconvolution")
_LAYOUT = ("Reorder", "Transpose")
_CONVERTS = ("Reorder", "Convert", "FakeQuantize", "Subgraph", "Eltwise")
_HALVES = ("f16",)
_RECURRENT = ("RNNSeq", "RNNCell")


def census(compiled: Any, model: Any, quantizes_activations: Callable[[], bool]) -> OperatorCensus:
    """Counts over the nodes that an inference executes, by the names of measure/census.py, and the nodes behind them.

    `model` is the source of the compiled model. `quantizes_activations` determines whether activations are quantized
    for products with compressed weights, which the runtime graph does not show.
    """
    nodes, source = runtime_graph.executed(compiled), SourceModel.of(model)
    is_dynamic = any(_reads_narrow(node, INTEGERS) for node in nodes) and quantizes_activations()
    found: dict[str, list[str]] = {name: [] for name in (*_CLAIMS, *_DYNAMIC.values())}
    elements = floats = 0
    for node in nodes:
        for name, claim in _CLAIMS.items():
            if claim(node, source):
                found[_DYNAMIC.get(name, name) if is_dynamic else name].append(named(node, source))
        for size, dtype in node.outputs():
            elements += size
            floats += size if dtype in FLOATS else 0
    counts = {name: float(len(names)) for name, names in found.items()}
    counts["int8_operators"] += counts["dynamic_operators"]
    counts |= {"operators": float(len(nodes)), "float_share": floats / elements if elements else 0.0}
    kept = {name: tuple(dict.fromkeys(names)) for name, names in found.items() if names and name in _NAMED}
    return OperatorCensus(counts=dict(counts), nodes=kept)


def faulty(compiled: Any, model: Any) -> tuple[str, ...]:
    """Of a model whose int8 kernels answer otherwise than its float kernels: its recurrent int8 nodes, or else all."""
    source = SourceModel.of(model)
    int8 = [node for node in runtime_graph.executed(compiled) if _is_int8(node, source)]
    recurrent = [node for node in int8 if node.layer_type in _RECURRENT]
    return tuple(dict.fromkeys(named(node, source) for node in recurrent or int8))


def named(node: PluginNode, source: SourceModel) -> str:
    """A node's name in the model, its type, and its kernel."""
    name = source.product(node)
    kind = source.types[name] if name in source.products else node.layer_type
    return f"{name} ({kind} by {node.primitive})" if name else f"{kind} by {node.primitive}"


def _is_int8(node: PluginNode, source: SourceModel) -> bool:
    """Whether a kernel computes in eight bits, as opposed to widening weights, which the plugin lists under their
    format.
    """
    return node.layer_type in _COMPUTES and node.precision in INTEGERS and not _widens(node, source)


def _is_reference(node: PluginNode, source: SourceModel) -> bool:
    """Whether a product runs in a reference kernel, in a float kernel although its values are int8, or as an int8
    convolution by gemm.

    Float convolutions by gemm are exempt, since unfolding the input is not slow there, as are matrix products, which
    use gemm anyway.
    """
    if node.layer_type not in PRODUCTS:
        return False
    if node.primitive.startswith("ref"):
        return True
    if node.precision not in INTEGERS or _widens(node, source):
        return False
    is_general = node.layer_type in _CONVOLVING and "gemm" in node.primitive.replace("brgemm", "")
    return is_general or node.kernel_format in FLOATS


def _is_unfused(node: PluginNode, source: SourceModel) -> bool:
    """Whether a product that the file quantizes reads and multiplies floats."""
    return node.layer_type in PRODUCTS and node.precision in FLOATS and source.is_meant_as_int8(node)


def _widens(node: PluginNode, source: SourceModel) -> bool:
    """Whether a float product has weights stored in fewer bits."""
    return _reads_narrow(node, INTEGERS)


def _widens_half(node: PluginNode, source: SourceModel) -> bool:
    """Whether a float32 product has weights stored in float16, or the node converts between the two inside the
    graph.
    """
    if _reads_narrow(node, _HALVES) and node.kernel_format == "f32":
        return True
    if node.layer_type not in ("Convert", "Reorder"):
        return False
    formats = {*node.inputs(), *(dtype for _, dtype in node.outputs())}
    return "f16" in formats and bool(formats - {"f16"}) and not _is_border(node)


def _reads_narrow(node: PluginNode, formats: tuple[str, ...]) -> bool:
    """Whether a product multiplies float activations by weights of this format, in a kernel for wider numbers."""
    if node.layer_type not in ("FullyConnected", "MatMul") or node.kernel_format not in FLOATS:
        return False
    data, *rest = node.inputs()
    return data in FLOATS and data not in formats and bool(rest) and rest[0] in formats


def _is_border(node: PluginNode) -> bool:
    """Whether a conversion is at an input or output of the model, where the caller chose the format."""
    makers = (port.get_source_output().get_node() for port in node.operator.inputs())
    readers = (target.get_node() for port in node.operator.outputs() for target in port.get_target_inputs())
    return any(runtime_graph.said(one.get_rt_info(), "layerType") in ("Input", "Output") for one in (*makers, *readers))


def _converts(node: PluginNode, source: SourceModel) -> bool:
    """Whether a node only quantizes, dequantizes, or converts between integers and floats."""
    if node.layer_type not in _CONVERTS:
        return False
    if node.layer_type in ("Subgraph", "Eltwise", "FakeQuantize"):
        kinds = source.kinds(node)
        return bool(kinds) and kinds <= {"FakeQuantize", "Convert", "Subtract", "Multiply"} and "FakeQuantize" in kinds
    read, made = node.inputs()[:1], [dtype for _, dtype in node.outputs()]
    return bool(read) and bool(made) and (read[0] in INTEGERS) is not (made[0] in INTEGERS)


_CLAIMS: dict[str, Callable[[PluginNode, SourceModel], bool]] = {
    "int8_operators": _is_int8,
    "reference_operators": _is_reference,
    "quantize_operators": _converts,
    "unfused_operators": _is_unfused,
    "widening_operators": _widens,
    "half_casts": _widens_half,
    "casts": lambda node, source: node.layer_type == "Convert",
    "reorders": lambda node, source: node.layer_type in _LAYOUT,
}
# What a product with compressed weights counts as instead, where its activations are quantized at each call.
_DYNAMIC = {"widening_operators": "dynamic_operators"}
# Of which the nodes are kept by name: the others are as many as the graph has layers.
_NAMED = ("unfused_operators", "reference_operators", "widening_operators", "dynamic_operators", "half_casts")
