"""Calls that multiply, numbered in the order of execution, where an arm does not name all their layers.

Quantizing renames the nodes of a file and drops what an exporter wrote about their modules. It changes neither which
nodes multiply nor their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ironlaw.analysis.layers.operators import multiplies, roles
from ironlaw.layer import LayerCall, Origin
from ironlaw.role import Role

Calls = tuple[LayerCall, ...]


def numbered(first: Calls, second: Calls) -> tuple[Calls, Calls]:
    """The calls of two arms; those that multiply have their number as path where their paths differ between the arms.

    Only if both arms have the same sequence of convolutions and matrix products, and no path that is unique in each arm
    contradicts it. Calls are unchanged otherwise, and if an engine reports which layers a multiplying call computes.
    """
    ours, theirs = (_multiplying(calls) for calls in (first, second))
    paths = [[calls[at].path for at in places] for calls, places in ((first, ours), (second, theirs))]
    both = [calls[at] for calls, places in ((first, ours), (second, theirs)) for at in places]
    are_named = Counter(paths[0]) == Counter(paths[1]) and not any(call.is_functional for call in both)
    have_origins = any(call.origins for call in both)
    is_same = [_is_convolution(first[at]) for at in ours] == [_is_convolution(second[at]) for at in theirs]
    if not ours or are_named or have_origins or not is_same or _contradict(*paths):
        return first, second
    return _renamed(first, ours), _renamed(second, theirs)


def _multiplying(calls: Calls) -> list[int]:
    return [place for place, call in enumerate(calls) if multiplies(call)]


def _is_convolution(call: LayerCall) -> bool:
    """Linear layers are not distinguished further: the same one is a Gemm in one arm and a MatMul in another."""
    return Role.CONV in roles(call.operator)


def _contradict(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether a path that each arm has once stands at different places."""
    unique = [
        {path: paths.index(path) for path, count in Counter(paths).items() if path and count == 1}
        for paths in (first, second)
    ]
    return any(unique[0][path] != unique[1][path] for path in unique[0].keys() & unique[1].keys())


def _renamed(calls: Calls, places: Sequence[int]) -> Calls:
    """The calls with those at these places renamed to their number, so that equal numbers match."""
    numbers = {at: f"\0{number}" for number, at in enumerate(places)}
    named = {
        (calls[at].path, calls[at].operator, calls[at].is_functional, calls[at].repeat): number
        for at, number in numbers.items()
    }
    return tuple(
        replace(call, path=numbers[at], is_functional=False, repeat=0)
        if at in numbers
        else replace(call, origins=tuple(_origin(one, named) for one in call.origins))
        for at, call in enumerate(calls)
    )


def _origin(origin: Origin, named: Mapping[tuple[str, str, bool, int], str]) -> Origin:
    number = named.get((origin.path, origin.operator, origin.is_functional, origin.repeat))
    return origin if number is None else replace(origin, path=number, is_functional=False, repeat=0)
