"""Graph surgery: change one thing in an ONNX file, and check the result by running both."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ironlaw.engines.border.change import Changed, steps_of
from ironlaw.engines.border.failures import explained
from ironlaw.engines.onnxruntime.float_forms import leave_in_float
from ironlaw.engines.onnxruntime.graph import Graph
from ironlaw.engines.onnxruntime.half import widen_half
from ironlaw.errors import ArmFailed
from ironlaw.variant import Variant

Feeds = list[dict[str, Any]]
_INPUTS = 8  # whose ranges are looked for, and whose outputs are compared


def operate(variant: Variant, path: Path, feeds: Feeds) -> Changed:
    """Change a file in place according to the variant's levels; plain levels change nothing.

    Raises:
        ArmFailed: a level would change nothing, the file has an unknown form, or the outputs differ.
    """
    changed = Changed()
    steps = steps_of(variant, _STEPS)
    if not steps:
        return changed
    import onnx

    with explained("graph surgery"):
        model = onnx.load(str(path))
        for name, level in steps:
            graph = Graph(model)
            changed.done[name] = _STEPS[name](graph, level, feeds[:_INPUTS])
            graph.prune()
        _replace_checked(path, model, feeds[:_INPUTS], changed)
    return changed


def _replace_checked(path: Path, model: Any, feeds: Feeds, changed: Changed) -> None:
    """Write the file, and check that its outputs agree with those of the one before."""
    import onnx

    made = path.with_suffix(".changed.onnx")
    onnx.save(model, str(made))
    before, after = _outputs(path, feeds), _outputs(made, feeds)
    changed.accept(before, after, is_same=_executed(path) == _executed(made), engine="ONNX Runtime")
    made.replace(path)


def _outputs(path: Path, feeds: Feeds) -> list[Any]:
    session = _plain_session(str(path))
    taken = {entry.name for entry in session.get_inputs()}
    runs = [{name: value for name, value in feed.items() if name in taken} for feed in feeds]
    return [output for run in runs for output in session.run(None, run)]


def _executed(path: Path) -> list[tuple[str, int, tuple[int, ...]]]:
    """The operators that a session executes for a file, with accuracy level and formats of constants."""
    import onnx

    with tempfile.TemporaryDirectory(prefix="ironlaw-surgery-") as folder:
        optimized = Path(folder) / "optimized.onnx"
        _plain_session(str(path), optimized=optimized)
        graph = onnx.load(str(optimized), load_external_data=False).graph
    formats = {tensor.name: tensor.data_type for tensor in graph.initializer}
    return [
        (node.op_type, accuracy_level(node), tuple(formats[name] for name in node.input if name in formats))
        for node in graph.node
    ]


def _plain_session(source: Any, *, optimized: Path | None = None) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def fix_ranges(graph: Graph, level: str, feeds: Feeds) -> str:
    """Replace every DynamicQuantizeLinear by a QuantizeLinear with constant scale and zero point, from the range of its
    inputs.

    The integer operators that follow keep their inputs, which are then constants.
    """
    import numpy

    finders = [node for node in graph.nodes if node.op_type == "DynamicQuantizeLinear"]
    if not finders:
        raise ArmFailed(
            "no operator of this file finds a range at each call (DynamicQuantizeLinear)",
            hint="leave activation-ranges=fixed out",
        )
    wanted = [name for node in finders for name in node.output[1:3]]
    seen = _watched(graph, wanted, feeds)
    for node in finders:
        values, scale, zero_point = node.output
        # The ends of what each input was quantized to: the union of these is the range over all of them.
        pairs = [(float(s), int(z)) for s, z in zip(seen[scale], seen[zero_point], strict=True)]
        low, high = min(-s * z for s, z in pairs), max(s * (255 - z) for s, z in pairs)
        step = (high - low) / 255 or 1.0
        # If they were folded, the engine could not match the pattern that scales within the integer operator.
        graph.add_parameter(scale, numpy.array(step, numpy.float32))
        graph.add_parameter(zero_point, numpy.array(round(min(255.0, max(0.0, -low / step))), numpy.uint8))
        graph.replace(node, "QuantizeLinear", [node.input[0], scale, zero_point], [values])
    return f"{len(finders)} ranges made constant, over {len(feeds)} inputs"


def _watched(graph: Graph, names: list[str], feeds: Feeds) -> dict[str, list[Any]]:
    """The values of tensors inside, per input."""
    session = _plain_session(graph.with_outputs(names).SerializeToString())
    rows = [session.run(names, feed) for feed in feeds]
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def set_accuracy(graph: Graph, level: str, feeds: Feeds) -> str:
    """Set the accuracy level of every MatMulNBits: what its activations may be rounded to."""
    import onnx

    found = [node for node in graph.nodes if node.op_type == "MatMulNBits"]
    moved = [node for node in found if accuracy_level(node) != int(level)]
    if not moved:
        raise ArmFailed(
            f"no MatMulNBits of this file has another accuracy level than {level}",
            hint=f"leave accuracy-level={level} out",
        )
    for node in moved:
        kept = [one for one in node.attribute if one.name != _LEVEL]
        del node.attribute[:]
        node.attribute.extend([*kept, onnx.helper.make_attribute(_LEVEL, int(level))])
    return f"accuracy level {level} on {len(moved)} MatMulNBits"


_LEVEL = "accuracy_level"


def accuracy_level(node: Any) -> int:
    """The accuracy level of a MatMulNBits; 0 (the engine's choice) if unset."""
    return next((int(one.i) for one in node.attribute if one.name == _LEVEL), 0)


def _float_operators(graph: Graph, level: str, feeds: Feeds) -> str:
    kinds = level.split(_BETWEEN)
    return leave_in_float(graph, [node for node in graph.nodes if node.op_type in kinds], f"float-ops={level}")


def _float_nodes(graph: Graph, level: str, feeds: Feeds) -> str:
    names = level.split(_BETWEEN)
    chosen = [node for node in graph.nodes if any(_answers_to(node, name) for name in names)]
    lacking = [name for name in names if not any(_answers_to(node, name) for node in chosen)]
    if lacking:
        raise ArmFailed(
            f"this file has no node called {lacking[0]}", hint="ironlaw layers FILE lists the nodes by name"
        )
    return leave_in_float(graph, chosen, f"float-nodes={level}")


_BETWEEN = ":"


def _answers_to(node: Any, name: str) -> bool:
    """Whether a node has the name; the tools append _quant to the names of what they quantize."""
    return bool(node.name) and node.name.removesuffix("_quant") == name.removesuffix("_quant")


def _widened(graph: Graph, level: str, feeds: Feeds) -> str:
    return widen_half(graph)


# By factor, in the order in which several are done: ranges last, of what is still quantized.
_STEPS: dict[str, Callable[[Graph, str, Feeds], str]] = {
    "half": _widened,
    "accuracy-level": set_accuracy,
    "float-ops": _float_operators,
    "float-nodes": _float_nodes,
    "activation-ranges": fix_ranges,
}


def operating(variant: Variant) -> Iterable[str]:
    """The factors that surgery applies for a variant."""
    return (name for name, _ in variant.changed if name in _STEPS)
