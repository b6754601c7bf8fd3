"""Graph surgery on OpenVINO's models: change one thing, and check the result by running both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ironlaw.engines.border.change import Changed, steps_of
from ironlaw.engines.openvino.model import as_constant, before_quantization, is_constant, is_quantized
from ironlaw.engines.openvino.properties import kernels
from ironlaw.errors import ArmFailed
from ironlaw.variant import Variant

Arrays = list[Any]
BY_NAME = "float-nodes"
_INPUTS = 8  # whose outputs are compared
_BETWEEN = ":"  # names of torch's operators hold two in a row


def operate(variant: Variant, model: Any, runs: list[Arrays], compiled: Callable[[Any], Any]) -> Changed:
    """Change a model in place according to the variant's levels; plain levels change nothing.

    `compiled` compiles it in the same way as its arm; `runs` are the inputs on which outputs are compared.

    Raises:
        ArmFailed: a level would change nothing, the model has an unknown form, or the outputs differ.
    """
    changed = Changed()
    steps = steps_of(variant, _STEPS)
    if not steps:
        return changed
    before = compiled(model)
    for name, level in steps:
        changed.done[name] = _STEPS[name](model, level)
    model.validate_nodes_and_infer_types()
    after = compiled(model)
    outputs = [_outputs(one, runs[:_INPUTS]) for one in (before, after)]
    changed.accept(*outputs, is_same=kernels(before) == kernels(after), engine="OpenVINO")
    return changed


def _outputs(compiled: Any, runs: list[Arrays]) -> list[Any]:
    request = compiled.create_infer_request()
    return [output for run in runs for output in request.infer(run).to_tuple()]


def _float_operators(model: Any, level: str) -> str:
    kinds = level.split(_BETWEEN)
    chosen = [node for node in model.get_ordered_ops() if node.get_type_name() in kinds]
    return _leave_in_float(chosen, f"float-ops={level}")


def _float_nodes(model: Any, level: str) -> str:
    nodes = {node.get_friendly_name(): node for node in model.get_ordered_ops()}
    chosen = [nodes[name] for name in _split_names(level, set(nodes))]
    return _leave_in_float(chosen, f"float-nodes={level}")


def named(model: Any, variant: Variant) -> tuple[str, ...]:
    """The nodes of a float model that a variant leaves in float by name.

    Raises:
        ArmFailed: there is no such node.
    """
    level = dict(variant.changed).get(BY_NAME)
    known = {node.get_friendly_name() for node in model.get_ordered_ops()}
    return tuple(_split_names(level, known)) if level else ()


def _split_names(level: str, known: set[str]) -> list[str]:
    """Split a level into names at colons; of names that contain colons, the longest known one is taken.

    Raises:
        ArmFailed: there is no node of such a name.
    """
    parts, found = level.split(_BETWEEN), list[str]()
    while parts:
        ends = (end for end in range(len(parts), 0, -1) if _BETWEEN.join(parts[:end]) in known)
        end = next(ends, 0)
        if not end:
            raise ArmFailed(f"this model has no node called {_BETWEEN.join(parts)}", hint=_NAMES)
        found.append(_BETWEEN.join(parts[:end]))
        parts = parts[end:]
    return found


_NAMES = "ironlaw layers FILE lists the nodes by name"


def _leave_in_float(chosen: list[Any], said: str) -> str:
    """Make nodes read their inputs before quantization, and the dequantized weights.

    Operators after a node may still quantize its result, as for a node left out of quantization.
    """
    if not chosen:
        raise ArmFailed(f"{said} changes nothing: this model has no such operator", hint=f"leave {said} out")
    moved = 0
    for node in chosen:
        moved += sum(_widen(port) for port in node.inputs())
    if not moved:
        raise ArmFailed(f"{said} changes nothing: no input of it is quantized", hint=f"leave {said} out")
    kinds = sorted({node.get_type_name() for node in chosen})
    return f"{len(chosen)} operators left in float ({' and '.join(kinds)}), {moved} inputs of them widened"


def _widen(port: Any) -> bool:
    """Make an input float; False if it already was."""
    source = port.get_source_output()
    if not source.get_element_type().is_real():
        return False
    if is_constant(source.get_node()):
        if not is_quantized(source):
            return False
        port.replace_source_output(as_constant(source))
        return True
    float_source = before_quantization(source)
    if float_source is None:
        return False
    port.replace_source_output(float_source)
    return True


# By factor, in the order in which several are done.
_STEPS: dict[str, Callable[[Any, str], str]] = {
    "float-ops": _float_operators,
    BY_NAME: _float_nodes,
}


def is_operating(variant: Variant) -> bool:
    """Whether surgery applies a factor of the variant."""
    return any(name in _STEPS for name, _ in variant.changed)
