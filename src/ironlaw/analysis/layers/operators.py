"""What an operator does, by its name: the parts of a fused operator, and the kind it is shown as."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ironlaw.engines import ENGINES
from ironlaw.layer import Form, LayerCall
from ironlaw.role import COMMON_OPERATORS, CONVERTING, MULTIPLYING, Role


def _roles_by_part() -> dict[str, frozenset[Role]]:
    """The roles of each part of an operator's name, as all engines together declare them."""
    found: dict[str, frozenset[Role]] = {}
    for operators in (COMMON_OPERATORS, *(declared.operators for declared in ENGINES.values())):
        for role, part in ((role, part) for role, parts in operators.items() for part in parts):
            found[part] = found.get(part, frozenset()) | {role}
    return found


_ROLES = _roles_by_part()
_PARTS = re.compile("|".join(sorted(map(re.escape, _ROLES), key=len, reverse=True)))


def roles(operator: str) -> frozenset[str]:
    """The roles of an operator: {conv, relu} for ConvReLU2d, {add, relu} for add_relu; its own name if it is
    unknown.
    """
    squeezed = re.sub(r"[\d_]", "", operator.rpartition("::")[2]).lower()
    found = {role for part in _PARTS.findall(squeezed) for role in _ROLES[part]} - {Role.UNSTATED}
    return frozenset(map(str, found)) or frozenset({operator.lower()})


def converts(call: LayerCall) -> bool:
    """Whether the call only changes the number format; DynamicQuantizeMatMul also multiplies, so it does not."""
    return bool(roles(call.operator) & CONVERTING) and not multiplies(call)


def is_multiplying_kind(kind: str) -> bool:
    """Whether rows of that kind multiply: a convolution of any size, or another multiplying role."""
    return kind in MULTIPLYING or kind == "depth-wise" or kind[:1].isdigit()


def multiplies(call: LayerCall) -> bool:
    """Whether the call multiplies and accumulates, so that its number format matters."""
    return bool(roles(call.operator) & MULTIPLYING)


def kind_of(calls: Sequence[LayerCall]) -> str:
    """The kind a row is grouped by: that of the call with the most work; a convolution by its shape."""
    leading = next((call for call in calls if multiplies(call)), calls[0])
    found = roles(leading.operator)
    if Role.CONV in found and (weight := weight_of(leading)) is not None:
        return _convolution(leading, weight)
    order = [role.value for role in Role]
    found = found & MULTIPLYING or found  # DynamicQuantizeMatMul is a matmul, LinearReLU a linear layer
    return str(min(found, key=lambda role: order.index(role) if role in order else len(order)))


def weight_of(call: LayerCall) -> Form | None:
    """The weight of a layer that multiplies: its largest parameter of two or more dimensions."""
    matrices = [form for form in call.parameters if len(form.shape) >= 2]
    if not matrices and len(call.inputs) > 1 and Role.CONV in roles(call.operator):
        matrices = [call.inputs[1]]  # made in the same inference
    return max(matrices, key=lambda form: form.elements, default=None)


def _convolution(call: LayerCall, weight: Form) -> str:
    kernel = weight.shape[2:]
    size = "x".join(map(str, kernel)) if len(kernel) > 1 else f"{kernel[0] if kernel else 1} wide"
    is_transposed = Role.TRANSPOSED in roles(call.operator)
    # Engines put channels first or last, in weights as well: one input channel for each of as many outputs as inputs.
    channels = call.inputs[0].shape if call.inputs else ()
    if not is_transposed and weight.shape[1] == 1 and weight.shape[0] > 1 and weight.shape[0] in channels:
        return "depth-wise"
    return f"{size} transposed" if is_transposed else size
