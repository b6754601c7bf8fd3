"""Match calls of two arms that compute the same layers of the model, as the engines report them.

A kernel that computes several layers is related to all of them, and through them to every other call that computes one:
layers that cannot be distinguished in one arm are one row in both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ironlaw.analysis.layers.operators import converts, roles
from ironlaw.layer import LayerCall, Origin

Calls = tuple[LayerCall, ...]
# A layer of the model, however an arm names it: a module at its path, or an operator by what it does within a module.
_Layer = tuple[str, frozenset[str], int]
_Name = tuple[str, frozenset[str]]
_Instances = dict[_Name, list[tuple[str, int]]]
_MODULE = frozenset[str]()


def related(first: Calls, second: Calls) -> list[tuple[list[int], list[int]]]:
    """Return groups of calls, as indices, that share layers of the model; none if the calls' origins are unknown."""
    if not any(call.origins for call in (*first, *second)):
        return []
    sides = _layers(first, second)
    shared = set().union(*sides[0]) & set().union(*sides[1])
    holders: dict[_Layer, list[tuple[int, int]]] = defaultdict(list)
    for which, side in enumerate(sides):
        for place, layers in enumerate(side):
            for layer in layers & shared:
                holders[layer].append((which, place))
    return list(_joined(list(holders.values())))


def _joined(sets: list[list[tuple[int, int]]]) -> Iterator[tuple[list[int], list[int]]]:
    """Merge overlapping sets into groups, in order of their first member."""
    leader: dict[tuple[int, int], tuple[int, int]] = {}

    def find(one: tuple[int, int]) -> tuple[int, int]:
        while leader.setdefault(one, one) != one:
            one = leader[one]
        return one

    for members in sets:
        for one in members[1:]:
            low, high = sorted((find(members[0]), find(one)))
            leader[high] = low
        find(members[0])
    groups: dict[tuple[int, int], tuple[list[int], list[int]]] = {}
    for which, place in sorted(leader):
        groups.setdefault(find((which, place)), ([], []))[which].append(place)
    yield from groups.values()


def _layers(first: Calls, second: Calls) -> tuple[list[set[_Layer]], list[set[_Layer]]]:
    """For each call of either arm, the layers of the model that it computes."""
    modules = {call.path for call in (*first, *second) if not (call.origins or call.is_functional or converts(call))}
    origins_of = [[_origins(call, modules) for call in side] for side in (first, second)]
    known = [_instances(side) for side in origins_of]
    found: list[list[set[_Layer]]] = [[], []]
    for layers, side, own, other in zip(found, origins_of, known, reversed(known), strict=True):
        for origins in side:
            layers.append({layer for one in origins if (layer := _numbered(one, own, other)) is not None})
    return found[0], found[1]


def _origins(call: LayerCall, modules: set[str]) -> list[Origin]:
    """The origins of a call. A call without origins is a layer itself, or only converts between number formats."""
    if not call.origins:
        own = Origin(path=call.path, operator=call.operator, is_functional=call.is_functional, repeat=call.repeat)
        return [] if converts(call) else [own]
    return [_within(one, modules) for one in call.origins]


def _within(origin: Origin, modules: set[str]) -> Origin:
    """Map an origin within a module that is a single layer in the other arm to that module."""
    parts = origin.path.split(".") if origin.path else []
    for length in range(len(parts) + 1):
        path = ".".join(parts[:length])
        if path in modules:
            repeat = 0 if origin.is_functional or path != origin.path else origin.repeat
            return Origin(path=path, operator="", repeat=repeat)
    return origin


def _name(origin: Origin) -> _Name:
    return origin.path, roles(origin.operator) if origin.is_functional else _MODULE


def _instances(side: list[list[Origin]]) -> dict[_Name, list[tuple[str, int]]]:
    """The calls of each layer in an arm, in the order of execution."""
    found: dict[_Name, list[tuple[str, int]]] = defaultdict(list)
    for origins in side:
        for one in origins:
            if _instance(one) not in found[_name(one)]:
                found[_name(one)].append(_instance(one))
    return found


def _instance(origin: Origin) -> tuple[str, int]:
    return (origin.operator if origin.is_functional else "", origin.repeat)


def _numbered(origin: Origin, own: _Instances, other: _Instances) -> _Layer | None:
    """The layer, numbered among those of the same name.

    If the arms have different numbers of them, operators are matched by their inputs instead, and the calls of a module
    cannot be distinguished.
    """
    name = _name(origin)
    if len(own[name]) == len(other.get(name, ())):
        return (*name, own[name].index(_instance(origin)))
    return None if origin.is_functional else (*name, 0)
