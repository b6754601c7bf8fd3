"""The overhead that reading a layer adds to its time, measured on an empty layer between work that evicts the caches.

In a bare loop the overhead is a fifth of this: the code and data of the reader stay in the nearest cache, which
convolutions in between prevent.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from ironlaw.layer import BorderCost
from ironlaw.measure.layers.probes import Border
from ironlaw.measure.layers.reading import Course
from ironlaw.measure.layers.sites import Site

_BATCHES = 5
_STEPS = 20
# 0.1 to 0.3 ms of convolution, normalisation and activation over 200 kB: more than fits the nearest caches.
_CHANNELS, _SIZE = 64, 28


def border_cost(border: Border) -> BorderCost:
    """The overhead of reading one layer by this border: in the layer's own time (ns) and in each probed quantity."""
    times: list[float] = []
    probed: dict[str, list[float]] = {}
    for _ in range(_BATCHES):
        noted, taken = _loop(border)
        times.append(_inside_second(noted))
        for name, amounts in taken.items():
            probed.setdefault(name, []).append(_inside_second(amounts))
    return BorderCost(inside_ns=median(times), probed={name: median(values) for name, values in probed.items()})


def _loop(border: Border) -> tuple[list[int], dict[str, list[int]]]:
    """Steps of work and an idle layer: times, and amounts by quantity, of the start, each border, and the end."""
    import torch

    work, idle, seed = _work(), torch.nn.Identity(), torch.zeros(1)
    image = torch.zeros(1, _CHANNELS, _SIZE, _SIZE)
    course = Course(timed=(Site("work", work), Site("idle", idle)), order=(0, 1))
    take = border.begin()
    with course.standing(take) as trace:
        if take:
            take()
        trace.times.append(time.perf_counter_ns())
        for _ in range(_STEPS):
            work(image)
            idle(seed)
        trace.times.append(time.perf_counter_ns())
        if take:
            take()
    taken = {name: list(amounts) for name, amounts in border.taken().items()}
    border.end()
    return list(trace.times), taken


def _work() -> Any:
    """Work between two readings, 0.1 to 0.3 ms; it counts as one layer."""
    from torch import nn

    layers = (nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1), nn.BatchNorm2d(_CHANNELS), nn.ReLU6())
    return nn.Sequential(*layers).eval()


def _inside_second(values: list[int]) -> float:
    """The mean within the second layer of a step: entering and leaving the first, then the second, between the ends."""
    return (sum(values[4:-1:4]) - sum(values[3:-1:4])) / _STEPS
