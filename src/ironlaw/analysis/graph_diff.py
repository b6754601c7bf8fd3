"""What differs between the graphs of two given files: nodes matched by name, then by weights, then by flow."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from graphlib import TopologicalSorter

from ironlaw.analysis.layers.operators import roles
from ironlaw.explanation import Comparison
from ironlaw.explanation.split import Ledger
from ironlaw.file_graph import FileGraph, FileNode, GraphChange, GraphDiff, NodeFate, bare
from ironlaw.missing import Maybe, Missing
from ironlaw.recording import Recording

_NO_TIME = Missing("no layer of these names was timed")


def with_graph_diff(comparison: Comparison, recording: Recording) -> Comparison:
    """The comparison with the difference between its files; unchanged unless the arms run two files."""
    factories = {arm.name: arm.factory for arm in recording.plan.arms}
    counted = {fact.arm: fact.graph for fact in recording.censuses if fact.graph.nodes}  # where older versions have it
    graphs = counted | {fact.arm: fact.graph for fact in recording.prepared if fact.graph.nodes}
    names = comparison.control, comparison.changed
    if not all(name in graphs for name in names) or factories[names[0]] == factories[names[1]]:
        return comparison
    return replace(comparison, graph=graph_diff(graphs[names[0]], graphs[names[1]], comparison.ledger))


def graph_diff(control: FileGraph, changed: FileGraph, ledger: Maybe[Ledger]) -> GraphDiff:
    """Match the nodes of two files one to one, and group the others by what became of them.

    A node keeps its match from the first rule that gives it one: an equal name; a name equal but for what quantizers
    append; the same weight, of one node in each file; and, of nodes of one type that are left, the same matched
    neighbours in front.
    """
    matches = _matched(control.nodes, changed.nodes)
    is_across = control.format != changed.format
    groups: dict[tuple[NodeFate, str, str], list[tuple[str, str]]] = defaultdict(list)
    unchanged: list[tuple[str, str]] = []
    for one, other in matches.items():
        before, after = control.nodes[one], changed.nodes[other]
        if before.kind == after.kind or (is_across and roles(before.kind) & roles(after.kind)):
            unchanged.append((before.name, after.name))
        else:
            groups[NodeFate.CHANGED, before.kind, after.kind].append((before.name, after.name))
    for place, node in enumerate(changed.nodes):
        if place not in matches.values():
            groups[NodeFate.APPEARED, "", node.kind].append(("", node.name))
    for place, node in enumerate(control.nodes):
        if place not in matches:
            groups[NodeFate.VANISHED, node.kind, ""].append((node.name, ""))
    times = _Times(ledger, (control, changed))
    # Matched nodes are the first to have a layer: one that appeared beside it may read a scale of the same weight.
    times.take(unchanged)
    changes = [
        GraphChange(
            fate=fate,
            control=before,
            changed=after,
            names=tuple(second or first for first, second in names),
            control_ns=spent[0],
            changed_ns=spent[1],
        )
        for (fate, before, after), names in groups.items()
        for spent in (times.take(names),)
    ]
    return GraphDiff(
        same=len(unchanged),
        changes=tuple(sorted(changes, key=_weight, reverse=True)),
        left_out=control.left_out + changed.left_out,
    )


def _weight(change: GraphChange) -> tuple[float, int]:
    """Sort key: the most time in either file first; without times, the most nodes."""
    known = [time for time in (change.control_ns, change.changed_ns) if not isinstance(time, Missing)]
    return max(known, default=0.0), len(change.names)


def _matched(control: tuple[FileNode, ...], changed: tuple[FileNode, ...]) -> dict[int, int]:
    """The places of matched nodes, control to changed."""
    found: dict[int, int] = {}
    rules: tuple[Callable[[FileNode], Hashable], ...] = (
        lambda node: node.name,
        lambda node: bare(node.name),
        lambda node: bare(node.constants[0]) if node.constants else None,
    )
    # First those that do the same thing: a name may have passed from a product to the addition of its bias.
    for may_match in (_have_a_role_in_common, _are_of_a_sort):
        for rule in rules:
            _match_by(rule, may_match, control, changed, found)
    flows = Flow(control), Flow(changed)
    while _match_by_flow(*flows, found) or _match_by_flow(*flows, found, is_foremost=True):
        pass
    return dict(sorted(found.items()))


_FORMATTING = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "FakeQuantize", "Cast", "Convert"}


def _are_of_a_sort(one: FileNode, other: FileNode) -> bool:
    """Whether both compute, or both only change the number format: neither stands for the other."""
    return (one.kind in _FORMATTING) is (other.kind in _FORMATTING)


def _have_a_role_in_common(one: FileNode, other: FileNode) -> bool:
    """Whether two operator types share a role, as Conv and QLinearConv do."""
    return one.kind == other.kind or (_are_of_a_sort(one, other) and bool(roles(one.kind) & roles(other.kind)))


def _match_by(
    rule: Callable[[FileNode], Hashable],
    may_match: Callable[[FileNode, FileNode], bool],
    control: tuple[FileNode, ...],
    changed: tuple[FileNode, ...],
    found: dict[int, int],
) -> None:
    """Match two nodes that are the only pair with their key, among those that are left on each side."""
    taken = set(found.values())
    keys: list[dict[Hashable, list[int]]] = []
    for nodes, used in ((control, found.keys()), (changed, taken)):
        places: dict[Hashable, list[int]] = defaultdict(list)
        for place, node in enumerate(nodes):
            if place not in used and (key := rule(node)) is not None:
                places[key].append(place)
        keys.append(places)
    for key, ours in keys[0].items():
        theirs = keys[1].get(key, [])
        pairs = [(one, other) for one in ours for other in theirs if may_match(control[one], changed[other])]
        if len(pairs) == 1:
            found[pairs[0][0]] = pairs[0][1]


def _match_by_flow(control: Flow, changed: Flow, found: dict[int, int], *, is_foremost: bool = False) -> bool:
    """Match nodes of one type, left on both sides, that the same matched nodes feed; whether there were any.

    `is_foremost`: of each type only those that none of their type precedes among the nodes that are left: the first
    of a chain in which no name, no weight and no other node distinguishes them.
    """
    before = len(found)
    keys: list[dict[Hashable, list[int]]] = [defaultdict(list), defaultdict(list)]
    sides = ((control, {one: one for one in found}), (changed, {other: one for one, other in found.items()}))
    for (flow, matched), places in zip(sides, keys, strict=True):
        for place, (front, kinds) in flow.fronts(matched).items():
            kind = flow.nodes[place].kind
            if not (is_foremost and kind in kinds):
                places[kind, front].append(place)
    for key, ours in keys[0].items():
        theirs = keys[1].get(key, [])
        if len(ours) == len(theirs) == 1:
            found[ours[0]] = theirs[0]
    return len(found) > before


class Flow:
    """The nodes of a file in the order of its data."""

    def __init__(self, nodes: tuple[FileNode, ...]) -> None:
        self.nodes = nodes
        order = TopologicalSorter({place: node.fed_by for place, node in enumerate(nodes)}).static_order()
        self._order = [place for place in order if place >= 0]

    def fronts(self, matched: Mapping[int, int]) -> dict[int, tuple[frozenset[int], frozenset[str]]]:
        """For each node that is left the matched ones in front of it (-1: an input), and the types in between."""
        found: dict[int, tuple[frozenset[int], frozenset[str]]] = {}
        for place in self._order:
            if place in matched:
                continue
            front, kinds = set[int](), set[str]()
            for one in self.nodes[place].fed_by:
                if one < 0 or one in matched:
                    front.add(-1 if one < 0 else matched[one])
                else:
                    front |= found[one][0]
                    kinds |= {self.nodes[one].kind, *found[one][1]}
            found[place] = frozenset(front), frozenset(kinds)
        return found


class _Times:
    """The times of layers by the names of a file's nodes: their own, or those of the weights that they read."""

    def __init__(self, ledger: Maybe[Ledger], graphs: tuple[FileGraph, FileGraph]) -> None:
        self._rows: dict[str, tuple[int, tuple[float, float]]] = {}
        for place, row in enumerate(() if isinstance(ledger, Missing) else ledger.rows):
            for name in {row.layer, row.path} - {""}:
                self._rows.setdefault(name, (place, (row.control_ns, row.changed_ns)))
        self._weights = [{node.name: node.constants for node in graph.nodes} for graph in graphs]
        self._taken: set[int] = set()  # rows that have their nodes, in either file

    def take(self, pairs: Iterable[tuple[str, str]]) -> tuple[Maybe[float], Maybe[float]]:
        """Both files' times of all these nodes, named in both files, each row once and for no other nodes; a gap where
        no row is left that has such a name.
        """
        found: tuple[dict[int, float], dict[int, float]] = {}, {}
        for names in pairs:
            row = next((self._rows[path] for path in self._paths(names) if path in self._rows), None)
            if row is not None and row[0] not in self._taken:
                for side in range(2):
                    if names[side]:
                        found[side][row[0]] = row[1][side]
        self._taken |= found[0].keys() | found[1].keys()
        before, after = (math.fsum(one.values()) if one else _NO_TIME for one in found)
        return before, after

    def _paths(self, names: tuple[str, str]) -> list[str]:
        """What a layer that is these nodes may be called."""
        paths = [name for name in names if name]
        for side, name in enumerate(names):
            paths += [bare(one).rpartition(".weight")[0] for one in self._weights[side].get(name, ())]
        return [path for path in paths if path]
