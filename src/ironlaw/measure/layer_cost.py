"""What reading layers costs: measured on layers that do nothing, between work that leaves the caches as a network does.

In a bare loop reading costs a fifth of this: its own code and data stay in the nearest cache, as they do not while
convolutions run in between (seen: 0.4 us a module instead of 2, 1.6 us a function instead of 10).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from ironlaw.layer import BorderCost
from ironlaw.measure.layer_probes import Border
from ironlaw.measure.layer_reading import Course
from ironlaw.measure.layer_sites import Site

_BATCHES = 15
_STEPS = 20
# 0.1 to 0.3 ms of convolution, normalisation and activation over 200 kB: more than fits the nearest caches.
_CHANNELS, _SIZE = 64, 28


def border_cost(border: Border) -> BorderCost:
    """What reading one module and one functional operator costs by this border, beside what they do themselves."""
    import torch

    work, idle, seed = _work(), torch.nn.Identity(), torch.zeros(1)
    image = torch.zeros(1, _CHANNELS, _SIZE, _SIZE)
    two_modules = Course(timed=(Site("work", work), Site("idle", idle)), order=(0, 1))
    with_function = Course(timed=(Site("work", work),), functions=(torch.Tensor.view_as,), order=(0, 1))
    modules = _added(two_modules, border, lambda: (work(image), idle(seed)))
    functions = _added(with_function, border, lambda: (work(image), seed.view_as(seed)))
    passing = _added(with_function, border, lambda: (work(image), seed.shape, seed.view_as(seed)))
    each_ns = modules.added_ns / 2
    inside_ns = min(modules.inside_ns, each_ns)
    return BorderCost(
        inside_ns=inside_ns,
        between_ns=each_ns - inside_ns,
        functional_between_ns=max(0.0, functions.added_ns - each_ns - inside_ns),
        passing_ns=max(0.0, passing.added_ns - functions.added_ns),
        probed={name: (inside, max(0.0, added / 2 - inside)) for name, (inside, added) in modules.probed.items()},
    )


def _work() -> Any:
    """Something that runs for a while between two readings; one layer, whatever is inside."""
    from torch import nn

    layers = (nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1), nn.BatchNorm2d(_CHANNELS), nn.ReLU6())
    return nn.Sequential(*layers).eval()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Added:
    """What reading added to a step of two layers, and what was inside of the second; the same of what was probed."""

    added_ns: float
    inside_ns: float
    probed: dict[str, tuple[float, float]]


def _added(course: Course, border: Border, step: Callable[[], object]) -> _Added:
    added, inside = [], []
    probed: dict[str, tuple[list[float], list[float]]] = {}
    for _ in range(_BATCHES):
        alone, alone_probed = _loop(Course(), border, step)
        read, read_probed = _loop(course, border, step)
        added.append((read[-1] - read[0] - (alone[-1] - alone[0])) / _STEPS)
        inside.append(_inside_second(read))
        for name in read_probed.keys() & alone_probed.keys():
            amounts, before = read_probed[name], alone_probed[name]
            kept = probed.setdefault(name, ([], []))
            kept[0].append(_inside_second(amounts))
            kept[1].append((amounts[-1] - amounts[0] - (before[-1] - before[0])) / _STEPS)
    return _Added(
        added_ns=max(0.0, median(added)),
        inside_ns=median(inside),
        probed={name: (median(within), median(whole)) for name, (within, whole) in probed.items()},
    )


def _loop(course: Course, border: Border, step: Callable[[], object]) -> tuple[list[int], dict[str, list[int]]]:
    """Steps one after the other: times, and amounts by quantity, of the start, each border, and the end."""
    take = border.begin()
    with course.standing(take) as trace:
        if take:
            take()
        trace.times.append(time.perf_counter_ns())
        for _ in range(_STEPS):
            step()
        trace.times.append(time.perf_counter_ns())
        if take:
            take()
    taken = {name: list(amounts) for name, amounts in border.taken().items()}
    border.end()
    return list(trace.times), taken


def _inside_second(values: list[int]) -> float:
    """The mean within the second layer of a step: entering and leaving the first, then the second, between the ends."""
    return (sum(values[4:-1:4]) - sum(values[3:-1:4])) / _STEPS
