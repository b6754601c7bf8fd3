"""Match the layers of two arms that do the same work, by their origin and their inputs.

A module keeps its dotted path when it is quantized or fused, so equal paths match first. Operators between them are
matched by the flow of data: the same operator fed by matching layers. A fused operator is matched with all operators it
replaced; if the engine reports which layers it computes, with all of these.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ironlaw.analysis.layers.numbering import numbered
from ironlaw.analysis.layers.operators import converts, roles
from ironlaw.analysis.layers.origins import related
from ironlaw.layer import LayerCall

Calls = tuple[LayerCall, ...]
INPUT = -1


@dataclass(frozen=True, slots=True)
class Match:
    """Indices of calls of the control and of the changed arm that do the same work; one side is empty if only the other
    arm has them.
    """

    control: tuple[int, ...]
    changed: tuple[int, ...]


def match(control: Calls, changed: Calls) -> tuple[Match, ...]:
    """Match two arms. Every call is in exactly one match, in order of execution; swapping the arms gives the same
    matches.
    """
    control, changed = numbered(control, changed)
    # Where two ways to match are equally good, the same one has to be taken whichever arm is named first.
    if _rank(control) < _rank(changed):
        found = [Match(one.changed, one.control) for one in _matched(changed, control)]
    else:
        found = _matched(control, changed)
    return _in_order(found)


def _rank(calls: Calls) -> tuple[int, list[tuple[str, str, int]]]:
    return len(calls), [(call.path, call.operator, call.repeat) for call in calls]


@dataclass(slots=True)
class _Side:
    """One arm's calls: the group of each, and the calls that read its output."""

    calls: Calls
    group: dict[int, int] = field(default_factory=dict)
    readers: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    does: list[frozenset[str]] = field(default_factory=list)

    @classmethod
    def of(cls, calls: Calls) -> _Side:
        side = cls(calls)
        for place, call in enumerate(calls):
            side.does.append(roles(call.operator))
            for feeder in call.fed_by:
                side.readers[feeder].append(place)
        side.group[INPUT] = INPUT
        return side

    def free(self) -> list[int]:
        return [place for place in range(len(self.calls)) if place not in self.group]

    def origins(self, place: int) -> frozenset[int]:
        """The groups of the nearest matched calls that feed a call, through any that are in no group."""
        found: set[int] = set()
        seen: set[int] = set()
        waiting = list(self.calls[place].fed_by)
        while waiting:
            feeder = waiting.pop()
            if feeder in self.group:
                found.add(self.group[feeder])
            elif feeder not in seen:
                seen.add(feeder)
                waiting += self.calls[feeder].fed_by
        return frozenset(found)

    def reached_from(self, sources: list[int], role: frozenset[str]) -> list[int]:
        """The nearest calls of a role that read the sources' outputs, directly or through calls in no group."""
        found: set[int] = set()
        seen: set[int] = set()
        waiting = [reader for source in sources for reader in self.readers[source]]
        while waiting:
            reader = waiting.pop()
            if reader in self.group or reader in seen:
                continue
            seen.add(reader)
            if self.does[reader] & role:
                found.add(reader)
            else:
                waiting += self.readers[reader]
        return sorted(found)


@dataclass(slots=True)
class _Groups:
    """The groups so far: members in both arms."""

    sides: tuple[_Side, _Side]
    members: list[tuple[list[int], list[int]]] = field(default_factory=list)

    def add(self, first: list[int], second: list[int]) -> None:
        number = len(self.members)
        self.members.append((first, second))
        for side, places in zip(self.sides, (first, second), strict=True):
            side.group.update((place, number) for place in places)

    def join(self, number: int, which: int, places: list[int]) -> None:
        self.members[number][which].extend(places)
        self.sides[which].group.update((place, number) for place in places)


def _matched(first: Calls, second: Calls) -> list[Match]:
    groups = _Groups((_Side.of(first), _Side.of(second)))
    for ours, theirs in related(first, second):
        groups.add(ours, theirs)
    for which in (0, 1):
        _enclose(groups, which)
    _anchor(groups)
    _follow(groups, is_exact=True)
    _follow(groups, is_exact=False)
    _pair_equal_numbers(groups)
    for which in (0, 1):
        _take_in(groups, which)
    for place in groups.sides[0].free():
        groups.add([place], [])
    for place in groups.sides[1].free():
        groups.add([], [place])
    return [Match(tuple(sorted(one)), tuple(sorted(other))) for one, other in groups.members]


def _enclose(groups: _Groups, which: int) -> None:
    """Add the calls between calls of one group, such as a BatchNorm between a convolution and the activation fused into
    it.
    """
    side = groups.sides[which]
    for place in side.free():
        behind = {side.group.get(reader) for reader in side.readers[place]}
        before = side.origins(place)
        if len(before) == 1 and behind == before and INPUT not in before:
            groups.join(next(iter(before)), which, [place])


def _anchor(groups: _Groups) -> None:
    """Match modules at the same path: call by call, or all calls of one arm with the single call of the other."""
    by_path = [
        _by(side, lambda call: None if call.is_functional or converts(call) else call.path) for side in groups.sides
    ]
    for path, ours in by_path[0].items():
        theirs = by_path[1].get(path, [])
        if len(ours) != len(theirs) and 1 in (len(ours), len(theirs)) and _are_parts(groups, ours, theirs):
            groups.add(ours, theirs)
            continue
        for one, other in zip(ours, theirs, strict=False):
            groups.add([one], [other])


def _are_parts(groups: _Groups, ours: list[int], theirs: list[int]) -> bool:
    """Whether the longer side is one module executed as several operators, rather than one operator called again."""
    side, places = (groups.sides[0], ours) if len(ours) > len(theirs) else (groups.sides[1], theirs)
    return bool(theirs) and len({side.calls[place].operator for place in places}) == len(places)


def _by(side: _Side, key: Callable[[LayerCall], str | None]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for place in side.free():
        name = key(side.calls[place])
        if name is not None:
            found[name].append(place)
    return found


def _follow(groups: _Groups, *, is_exact: bool) -> None:
    """Match remaining operators of the same role that are fed by matching groups.

    If one arm has additional operators in between, one operator's inputs may be a subset of the other's.
    """
    ours, theirs = groups.sides
    for place in ours.free():
        wanted = ours.origins(place)
        sources = [other for number in wanted for other in (groups.members[number][1] if number >= 0 else [INPUT])]
        fitting = []
        for other in theirs.reached_from(sources, ours.does[place]):
            found = theirs.origins(other)
            has_equal_inputs = found == wanted if is_exact else found <= wanted or found >= wanted
            if has_equal_inputs:
                unlike = _unlike(ours.calls[place], theirs.calls[other])
                fitting.append((len(found ^ wanted), unlike, other))
        if fitting:
            groups.add([place], [min(fitting)[-1]])


def _unlike(one: LayerCall, other: LayerCall) -> tuple[bool, bool, bool, int]:
    """The dissimilarity of two calls of one role; ties are resolved by order of execution."""
    sizes = [tuple(form.shape for form in call.outputs) for call in (one, other)]
    return one.path != other.path, sizes[0] != sizes[1], one.operator != other.operator, other.repeat


def _pair_equal_numbers(groups: _Groups) -> None:
    """Match functions of one role within one module, if both arms have the same number of them."""
    found = [_by(side, _place_and_role) for side in groups.sides]
    for key, places in found[0].items():
        others = found[1].get(key, [])
        if len(places) == len(others):
            for one, other in zip(places, others, strict=True):
                groups.add([one], [other])


def _place_and_role(call: LayerCall) -> str | None:
    return f"{call.path} {sorted(roles(call.operator))}" if call.is_functional else None


def _take_in(groups: _Groups, which: int) -> None:
    """Match calls of one arm that an operator of the other arm has fused."""
    side, other = groups.sides[which], groups.sides[1 - which]
    for place in side.free():
        if place in side.group:
            continue
        for number, between in _upstream(side, place):
            own, fused = groups.members[number][which], groups.members[number][1 - which]
            lacking = _roles_of(other, fused) - _roles_of(side, own)
            if side.does[place] & lacking:
                groups.join(number, which, [*between, place])
                break


def _upstream(side: _Side, place: int) -> Iterator[tuple[int, list[int]]]:
    """The group that a call's data comes from, and the calls between, as long as nothing else reads or feeds them."""
    between: list[int] = []
    feeders = side.calls[place].fed_by
    while len(feeders) == 1 and feeders[0] != INPUT:
        (feeder,) = feeders
        if len(side.readers[feeder]) > 1:
            return
        if feeder in side.group:
            yield side.group[feeder], between
            return
        between = [feeder, *between]
        feeders = side.calls[feeder].fed_by


def _roles_of(side: _Side, places: list[int]) -> frozenset[str]:
    return frozenset(role for place in places for role in side.does[place])


def _in_order(found: list[Match]) -> tuple[Match, ...]:
    """Sort by the control's order; matches that it lacks follow their predecessor in the changed arm."""
    stands = sorted((other, one.control[0]) for one in found if one.control for other in one.changed)
    keys: dict[Match, tuple[int, int, int]] = {}
    at, last = 0, -1
    for one in sorted((one for one in found if not one.control), key=lambda one: one.changed):
        while at < len(stands) and stands[at][0] < one.changed[0]:
            last = stands[at][1]
            at += 1
        keys[one] = (last, 1, one.changed[0])
    return tuple(sorted(found, key=lambda one: keys.get(one) or (one.control[0], 0, 0)))
