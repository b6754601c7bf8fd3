"""The census of the graph that a session executes: node types, number formats, conversions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ironlaw.engines.onnxruntime.surgery import accuracy_level
from ironlaw.program import OperatorCensus

# What finds a range at each call.
_DYNAMIC = {"DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"}
_FIXABLE = {"DynamicQuantizeLinear", "DynamicQuantizeMatMul"}  # by a QuantizeLinear with a constant scale
_CONVERTS = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}
_INTEGER = {
    "ConvInteger", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM", "QGemm",
    "QAttention", "QEmbedLayerNormalization", "QMoE",
}  # fmt: skip
# Its one kernel on x86 unfolds the input for every group and multiplies by a general routine, without what QLinearConv
# has for depth-wise and for packed weights: onnxruntime/core/providers/cpu/quantization/conv_integer.cc.
_WITHOUT_FAST_KERNEL = {"ConvInteger"}
_LAYOUT = {"ReorderInput", "ReorderOutput", "Transpose"}
_COMPUTES = {
    "Conv", "ConvTranspose", "MatMul", "Gemm", "Add", "Mul", "Relu", "Clip", "Sigmoid", "Softmax", "Resize", "Concat",
    "AveragePool", "GlobalAveragePool", "MaxPool", "LayerNormalization", "InstanceNormalization", "LeakyRelu", "Tanh",
    "HardSigmoid", "HardSwish", "Gelu", "FusedConv", "FusedMatMul", "LSTM", "GRU", "Attention", "PRelu",
}  # fmt: skip
_FLOATS = ("float", "float16", "double")


def census(events: list[Any], nodes: list[Any], graph: Any) -> OperatorCensus:
    """Counts over the nodes that one inference executed, by the names of measure/census.py, and the nodes behind them.

    `events` are the profile's, `nodes` the optimised ones that they ran (None where one is not known).
    """
    found: dict[str, list[str]] = {name: [] for name in _CLAIMS}
    elements = floats = 0
    around = _Around.of(graph)
    for event, node in zip(events, nodes, strict=True):
        for name, claim in _CLAIMS.items():
            if claim(event, node, around):
                found[name].append(_said(event, node))
        for shape, dtype in _outputs(event):
            elements += shape
            floats += shape if dtype in _FLOATS else 0
    counts = {name: float(len(names)) for name, names in found.items()}
    counts |= {
        "operators": float(len(events)),
        "float_share": floats / elements if elements else 0.0,
        "norm_operators": counts.pop("norm_operators"),
    }
    named = {name: tuple(dict.fromkeys(names)) for name, names in found.items() if names and name in _NAMED}
    return OperatorCensus(counts=dict(counts), nodes=named)


def census_of_profile(events: list[Any]) -> tuple[dict[str, float], dict[str, tuple[str, ...]]]:
    """The part of the census that a profile alone shows: counts that need no graph, and the nodes behind them.

    A float operator counts as between a dequantize and a quantize if it ran directly between the two, on tensors of
    their shapes. Counts that depend on attributes or edges of the graph are absent.
    """
    nowhere = _Around({}, {})
    found: dict[str, list[str]] = {
        name: [_said_of_profile(event) for event in events if claim(event, None, nowhere)]
        for name, claim in _CLAIMS.items()
        if name not in _NEED_A_GRAPH
    }
    found["unfused_operators"] = [_said_of_profile(event) for event in _between_conversions(events)]
    if any(_kind(event) == "MatMulNBits" for event in events):
        found.pop("int8_operators")  # whether these multiply in int8 is an attribute
    written = [output for event in events for output in _outputs(event)]
    elements = sum(size for size, _ in written)
    counts = {name: float(len(names)) for name, names in found.items()} | {"operators": float(len(events))}
    if elements:
        counts["float_share"] = sum(size for size, dtype in written if dtype in _FLOATS) / elements
    named = {name: tuple(dict.fromkeys(names)) for name, names in found.items() if names and name in _NAMED}
    return counts, named


_NEED_A_GRAPH = ("unfused_operators", "idle_pairs", "widening_operators", "half_casts")


def _said_of_profile(event: Any) -> str:
    name = event["name"].removesuffix("_kernel_time")
    return f"{name} ({_kind(event)})" if name else _kind(event)


def _between_conversions(events: list[Any]) -> Iterator[Any]:
    """Float operators that ran directly after a DequantizeLinear and before a QuantizeLinear of the same shapes."""
    ran = [event for event in events if _kind(event) not in _LAYOUT]
    for before, event, behind in zip(ran, ran[1:], ran[2:], strict=False):
        kinds = (_kind(before), _kind(behind))
        if _kind(event) in _COMPUTES and kinds == ("DequantizeLinear", "QuantizeLinear"):
            read = {tuple(shape) for entry in event["args"]["input_type_shape"] for shape in entry.values()}
            made = {size for size, _ in _outputs(event)}
            written = {tuple(s) for entry in before["args"]["output_type_shape"] for s in entry.values()}
            quantized = {size for size, _ in _outputs(behind)}
            if read & written and made & quantized:
                yield event


class _Around:
    """The producers and consumers of values of the optimised graph."""

    def __init__(self, makers: dict[str, Any], readers: dict[str, list[Any]]) -> None:
        self.makers, self.readers = makers, readers

    @classmethod
    def of(cls, graph: Any) -> _Around:
        readers: dict[str, list[Any]] = {}
        for node in graph.node:
            for name in node.input:
                readers.setdefault(name, []).append(node)
        return cls({name: node for node in graph.node for name in node.output}, readers)

    def before(self, node: Any) -> list[str]:
        """The types of its producers; layout changes are skipped."""
        found: list[str] = []
        for maker in (self.makers[name] for name in node.input if name in self.makers):
            found += self.before(maker) if maker.op_type in _LAYOUT else [maker.op_type]
        return found

    def behind(self, node: Any) -> list[str]:
        """The types of its consumers; layout changes are skipped."""
        found: list[str] = []
        for reader in (reader for name in node.output for reader in self.readers.get(name, ())):
            found += self.behind(reader) if reader.op_type in _LAYOUT else [reader.op_type]
        return found


def _kind(event: Any) -> str:
    return str(event["args"]["op_name"])


def _said(event: Any, node: Any) -> str:
    name = node.name if node is not None and node.name else ""
    return f"{name} ({_kind(event)})" if name else _kind(event)


def _outputs(event: Any) -> Iterator[tuple[int, str]]:
    for entry in event["args"].get("output_type_shape", ()):
        for dtype, shape in entry.items():
            size = 1
            for length in shape:
                size *= length
            yield size, dtype


def _inputs(event: Any) -> set[str]:
    return {dtype for entry in event["args"].get("input_type_shape", ()) for dtype in entry}


def _is_int8(event: Any, node: Any, around: _Around) -> bool:
    kind = _kind(event)
    if kind in _INTEGER or kind.startswith("QLinear"):
        return True
    return kind == "MatMulNBits" and node is not None and accuracy_level(node) == 4


def _is_unfused(event: Any, node: Any, around: _Around) -> bool:
    """Whether a float operator reads a dequantized value and feeds a quantize: a pair that the engine kept."""
    if node is None or _kind(event) not in _COMPUTES:
        return False
    return "DequantizeLinear" in around.before(node) and "QuantizeLinear" in around.behind(node)


def _is_idle(event: Any, node: Any, around: _Around) -> bool:
    """Whether a QuantizeLinear's values are dequantized again directly, and have no other reader."""
    if node is None or _kind(event) != "QuantizeLinear":
        return False
    behind = around.behind(node)
    return bool(behind) and set(behind) == {"DequantizeLinear"}


def _widens_weights(event: Any, node: Any, around: _Around) -> bool:
    """Whether a MatMulNBits multiplies in float, so that its weights are widened in every call."""
    return _kind(event) == "MatMulNBits" and node is not None and accuracy_level(node) != 4


def _casts_half(event: Any, node: Any, around: _Around) -> bool:
    """Whether a cast from or to float16 is inside the graph; at inputs and outputs the caller chose the format."""
    formats = _inputs(event) | {dtype for _, dtype in _outputs(event)}
    is_inside = node is not None and bool(around.before(node)) and bool(around.behind(node))
    return _kind(event) == "Cast" and "float16" in formats and is_inside


_CLAIMS: dict[str, Callable[[Any, Any, _Around], bool]] = {
    "int8_operators": _is_int8,
    "dynamic_operators": lambda event, node, around: _kind(event) in _DYNAMIC,
    "range_finders": lambda event, node, around: _kind(event) in _FIXABLE,
    "reference_operators": lambda event, node, around: _kind(event) in _WITHOUT_FAST_KERNEL,
    "quantize_operators": lambda event, node, around: _kind(event) in _CONVERTS,
    "unfused_operators": _is_unfused,
    "idle_pairs": _is_idle,
    "widening_operators": _widens_weights,
    "half_casts": _casts_half,
    "casts": lambda event, node, around: _kind(event) == "Cast",
    "reorders": lambda event, node, around: _kind(event) in _LAYOUT,
    "norm_operators": lambda event, node, around: _kind(event) == "BatchNormalization",
}
# Of which the nodes are kept by name: the others are as many as the graph has layers.
_NAMED = ("unfused_operators", "idle_pairs", "reference_operators", "widening_operators", "half_casts", "reorders")
