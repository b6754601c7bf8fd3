"""Operators of two attached files side by side: matched one by one, and summed by type and kernel."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ironlaw.analysis.layers.ledger import APPEARED, BOTH, FRAMEWORK, UNATTRIBUTED, VANISHED
from ironlaw.analysis.layers.matching import Match, match
from ironlaw.analysis.layers.operators import is_multiplying_kind, kind_of, multiplies, roles
from ironlaw.analysis.layers.work import bytes_of, executed, macs
from ironlaw.attachment import AttachedNode, Attachment
from ironlaw.explanation.account import Category
from ironlaw.explanation.split import Ledger, LedgerRow, OperatorRow
from ironlaw.layer import LayerCall
from ironlaw.missing import Maybe, Missing, first_missing
from ironlaw.role import MULTIPLYING, Role

_PROFILED = Missing("the files were made with profiling on: what it adds is not in them")
_NO_LAYERS = Missing("the file sums the operators of each type: it does not show single layers")
_NODES_OVERLAP = (
    "the operators of {name} take longer together than the whole: they ran beside each other, so that their times do "
    "not divide it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeTimes:
    """The operators of one arm: their times and the `rest_ns` between them add up to `wall_ns`."""

    name: str
    nodes: tuple[AttachedNode, ...]
    wall_ns: float
    are_types: bool = False

    @property
    def rest_ns(self) -> float:
        """The time between the operators; negative if they overlap."""
        return self.wall_ns - math.fsum(node.ns for node in self.nodes)

    @classmethod
    def of(cls, arm: str, attachment: Attachment, wall_ns: float) -> Maybe[NodeTimes]:
        """The operators of an attachment, scaled to the arm's time, or why there are none."""
        if isinstance(attachment.nodes, Missing):
            return attachment.nodes
        scale = _scale(attachment, wall_ns)
        nodes = tuple(AttachedNode(call=node.call, ns=node.ns * scale, times=node.times) for node in attachment.nodes)
        return cls(name=arm, nodes=nodes, wall_ns=wall_ns, are_types=attachment.nodes_are_types)


def _scale(attachment: Attachment, wall_ns: float) -> float:
    """The factor from operators' times (arithmetic means over the repeats) to the arm's time (a geometric mean)."""
    if isinstance(attachment.times, Missing) or not attachment.times.each_ns:
        return 1.0
    each = attachment.times.each_ns
    return wall_ns / (math.fsum(each) / len(each))


def ledger_of(control: Maybe[NodeTimes], changed: Maybe[NodeTimes]) -> Maybe[Ledger]:
    """The ledger of matched operators; its rows add up to the difference of the two arms."""
    if isinstance(control, Missing):
        return control
    if isinstance(changed, Missing):
        return changed
    if control.are_types or changed.are_types:
        return _NO_LAYERS
    rows = [_row(place, one, control, changed) for place, one in enumerate(match(_calls(control), _calls(changed)))]
    overlapping = [times.name for times in (control, changed) if times.rest_ns < -_ROUNDING * times.wall_ns]
    rest = UNATTRIBUTED if overlapping else FRAMEWORK
    rows.append(
        LedgerRow(
            layer=rest,
            kind=rest,
            fate=rest,
            order=len(rows),
            control_ns=control.rest_ns,
            changed_ns=changed.rest_ns,
            terms={},
        )
    )
    return Ledger(
        rows=tuple(rows),
        disturbed_speedup=_PROFILED,
        undisturbed_speedup=_PROFILED,
        notes=tuple(_NODES_OVERLAP.format(name=name) for name in overlapping),
    )


_ROUNDING = 1e-6


def _calls(times: NodeTimes) -> tuple[LayerCall, ...]:
    return tuple(node.call for node in times.nodes)


def _row(place: int, one: Match, control: NodeTimes, changed: NodeTimes) -> LedgerRow:
    ours = [control.nodes[at] for at in one.control]
    theirs = [changed.nodes[at] for at in one.changed]
    calls = [node.call for node in ours or theirs]
    leading = _leading(ours, theirs)
    return LedgerRow(
        layer=leading.name,
        kind=kind_of(calls),
        fate=BOTH if ours and theirs else VANISHED if ours else APPEARED,
        order=place,
        control_ns=math.fsum(node.ns for node in ours),
        changed_ns=math.fsum(node.ns for node in theirs),
        terms={},
        control_work=_work(ours),
        changed_work=_work(theirs),
        path=leading.path,
        executed=(executed([node.call for node in ours]), executed([node.call for node in theirs])),
        control_layers=tuple(node.call.name for node in ours),
        changed_layers=tuple(node.call.name for node in theirs),
    )


def _leading(ours: Sequence[AttachedNode], theirs: Sequence[AttachedNode]) -> LayerCall:
    """The call that a row is named after: the control's, unless the changed arm alone names what multiplies.

    A convolution with an activation fused into it has the name of the activation.
    """
    first, *others = (
        max(nodes, key=lambda node: (multiplies(node.call), node.ns)).call for nodes in (ours, theirs) if nodes
    )
    other = next(iter(others), first)
    return other if multiplies(other) and not _names_its_role(first) and _names_its_role(other) else first


def _names_its_role(call: LayerCall) -> bool:
    """Whether the name of a call says what it does: conv2d_1 of a convolution, relu_1 not."""
    named = roles(call.path.rpartition("/")[2]) & {*map(str, Role)}
    return not named or bool(named & roles(call.operator) & {*map(str, MULTIPLYING)})


def _work(nodes: Sequence[AttachedNode]) -> dict[str, Maybe[float]]:
    """Multiply-accumulates, bytes and rate by the shapes that the file states; none if it states no shapes."""
    if not nodes or not any(node.call.outputs or node.call.inputs for node in nodes):
        return {}
    work: dict[str, Maybe[float]] = {
        "macs": _total([macs(node.call) for node in nodes]),
        "bytes": _total([bytes_of(node.call) for node in nodes]),
    }
    counted, spent_ns = work["macs"], math.fsum(node.ns for node in nodes)
    if not isinstance(counted, Missing) and counted > 0 and spent_ns > 0:
        work["gmac_per_s"] = counted / spent_ns
    return work


def _total(values: Sequence[Maybe[float]]) -> Maybe[float]:
    gap = first_missing(*values)
    return gap or math.fsum(value for value in values if not isinstance(value, Missing))


def operators_of(control: Maybe[NodeTimes], changed: Maybe[NodeTimes]) -> Maybe[tuple[OperatorRow, ...]]:
    """The same times by operator type and kernel, sorted by difference."""
    if isinstance(control, Missing):
        return control
    if isinstance(changed, Missing):
        return changed
    spent: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
    for place, times in enumerate((control, changed)):
        for node in times.nodes:
            cell = spent[node.call.operator, _kernel(node)]
            cell[place] += node.ns
            cell[2 + place] += node.times
    rows = [
        OperatorRow(
            operator=operator,
            kernel=kernel,
            control_ns=cell[0],
            changed_ns=cell[1],
            control_times=cell[2],
            changed_times=cell[3],
        )
        for (operator, kernel), cell in spent.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-abs(row.saved_ns), row.operator, row.kernel)))


def _kernel(node: AttachedNode) -> str:
    """The kernel that ran it, if its name differs from the operator's."""
    return ", ".join(kernel for kernel in node.call.kernels if kernel.rpartition("::")[2] != node.call.operator)


def spent_by(times: Maybe[NodeTimes]) -> Mapping[Category, float]:
    """Shares of an arm's time by the category of its operators; operators without a category are left out."""
    if isinstance(times, Missing) or not times.wall_ns > 0:
        return {}
    shares: dict[Category, float] = defaultdict(float)
    for node in times.nodes:
        category = _category(node)
        if category is not None:
            shares[category] += node.ns / times.wall_ns
    return shares


def _category(node: AttachedNode) -> Category | None:
    found = roles(node.call.operator)
    kind = kind_of([node.call])
    if kind == "depth-wise":
        return Category.DEPTHWISE
    if is_multiplying_kind(kind):
        return Category.MATRIX
    return next((category for category, named in _ROLES.items() if found & named), None)


_ROLES = {
    Category.QUANTIZE: {Role.QUANTIZE, Role.DEQUANTIZE},
    Category.REORDER: {Role.REORDER, Role.TRANSPOSE},
    Category.NORMALIZATION: {Role.BATCHNORM, Role.LAYERNORM, Role.GROUPNORM, Role.INSTANCENORM, Role.SOFTMAX},
}
