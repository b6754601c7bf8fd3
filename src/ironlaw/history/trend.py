"""The trend of one comparison: its level, and its change points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

from ironlaw.estimate import Estimate
from ironlaw.history.queries import Series
from ironlaw.missing import Maybe, Missing

# Fewer points on one side of a change have no spread to judge it by.
LEAST_POINTS = 4
# What a change has to save, in units of sigma^2 ln n: by the Bayesian criterion 2 to 3 (Yao, Statistics & Probability
# Letters 6 (1988) 181). In 150 series of 30 values of pure noise, 3, 4 and 5 let changes through in 3, 5 and 1 %, and
# 3 did in 6 % of 200 others; with 5, a step of two standard deviations in mid-series is still found in 83 % of 150.
PENALTY = 5.0
# Beyond this many points the exact search takes seconds: neighbours are averaged.
MOST_POINTS = 4000
CONFIDENCE = 0.99
MANY = 200  # degrees of freedom
_FACTS = ("ironlaw", "versions", "kernel", "governor", "libc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The level changed between two recordings. `step` is ln(gain after / gain before), with its 99 % interval.

    `at_the_same_time` lists facts of machine and software that differ between the two: an association, not a reason.
    """

    before: str  # when the last recording before it started
    since: str
    gain_before: float
    gain_after: float
    step: Estimate
    at_the_same_time: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One comparison over time. `level` is the gain since the last change; its interval is over recordings."""

    series: Series
    level: Maybe[Estimate]
    changes: tuple[Change, ...]
    averaged: int = 1  # how many neighbouring recordings were taken together to find the changes


def trend_of(series: Series) -> Trend:
    """The current level of a comparison, and its change points."""
    values = [float(point["ln_gain"]) for point in series.points]
    together = math.ceil(len(values) / MOST_POINTS)
    places = change_places(_averaged(values, together))
    kept = _confirmed(values, [place * together for place in places])
    changes = tuple(_change(series.points, values, kept, number) for number in range(len(kept)))
    last = values[kept[-1] :] if kept else values
    return Trend(series=series, level=_level(last), changes=changes, averaged=together)


def change_places(values: Sequence[float]) -> list[int]:
    """The starts of new levels: the division with the least sum of squares about its means plus PENALTY per change.

    The noise is estimated from the median difference of neighbours, which is robust against a few steps.
    """
    import numpy as np

    if len(values) < 2 * LEAST_POINTS:
        return []
    differences = np.abs(np.diff(values))
    # 1.4826: from the median absolute deviation of a normal distribution to its standard deviation.
    sigma = 1.4826 * float(np.median(differences)) / math.sqrt(2)
    if sigma == 0:
        sigma = float(np.std(differences)) / math.sqrt(2)
    if sigma == 0:
        return []
    penalty = PENALTY * sigma**2 * math.log(len(values))
    return best_division(values, penalty)


def best_division(values: Sequence[float], penalty: float) -> list[int]:
    """The exact optimum over all divisions into pieces of at least LEAST_POINTS, by dynamic programming.

    least(t) = min over s of least(s) + penalty + squares(s, t), with squares(s, t) of values[s:t] about their mean;
    quadratic in time. The result equals that of ruptures (the tests compare them), whose import takes most of a second.
    Source: Jackson et al., IEEE Signal Processing Letters 12 (2005) 105.
    """
    import numpy as np

    centred = np.asarray(values, dtype=np.float64) - np.mean(values)
    sums = np.concatenate(([0.0], np.cumsum(centred)))
    squares = np.concatenate(([0.0], np.cumsum(centred**2)))
    ends = np.arange(len(values) + 1)
    least = np.full(len(values) + 1, np.inf)
    least[0] = -penalty
    start = np.zeros(len(values) + 1, dtype=np.int64)
    for end in range(LEAST_POINTS, len(values) + 1):
        starts = end - LEAST_POINTS + 1
        within = squares[end] - squares[:starts] - (sums[end] - sums[:starts]) ** 2 / (end - ends[:starts])
        total = least[:starts] + within + penalty
        start[end] = np.argmin(total)
        least[end] = total[start[end]]
    places = []
    end = int(start[-1])
    while end > 0:
        places.append(end)
        end = int(start[end])
    return places[::-1]


def _averaged(values: Sequence[float], together: int) -> list[float]:
    if together == 1:
        return list(values)
    pieces = [values[start : start + together] for start in range(0, len(values), together)]
    return [sum(piece) / len(piece) for piece in pieces]


def _confirmed(values: Sequence[float], places: list[int]) -> list[int]:
    """The change points at which the neighbouring levels differ by more than noise; the weakest are removed first,
    which lengthens their neighbours.
    """
    kept = list(places)
    while kept:
        steps = [step_at(values, kept, number) for number in range(len(kept))]
        doubtful = [number for number, step in enumerate(steps) if not step.excludes(0.0)]
        if not doubtful:
            return kept
        del kept[min(doubtful, key=lambda number: abs(steps[number].value) / (steps[number].half_width or math.inf))]
    return kept


def step_at(values: Sequence[float], places: Sequence[int], number: int) -> Estimate:
    """ln(gain after / gain before) at one of the places, by Welch's interval over the recordings of each side."""
    import numpy as np

    ends = [0, *places, len(values)]
    before = np.asarray(values[ends[number] : ends[number + 1]])
    after = np.asarray(values[ends[number + 1] : ends[number + 2]])
    value = float(after.mean() - before.mean())
    parts = [side.var(ddof=1) / len(side) for side in (before, after)]
    variance = float(sum(parts))
    if variance == 0:
        return Estimate(value=value, low=value, high=value)
    freedom = variance**2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (before, after), strict=True))
    half = student((1 + CONFIDENCE) / 2, freedom) * math.sqrt(variance)
    return Estimate(value=value, low=value - half, high=value + half)


def _change(points: list[dict[str, Any]], values: Sequence[float], places: list[int], number: int) -> Change:
    place = places[number]
    ends = [0, *places, len(values)]
    sides = values[ends[number] : place], values[place : ends[number + 2]]
    last, first = points[place - 1], points[place]
    return Change(
        before=str(last["started"]),
        since=str(first["started"]),
        gain_before=math.exp(sum(sides[0]) / len(sides[0])),
        gain_after=math.exp(sum(sides[1]) / len(sides[1])),
        step=step_at(values, places, number),
        at_the_same_time=_differing(last, first),
    )


def _differing(last: dict[str, Any], first: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """The facts that differ between two recordings; of the versions only those that differ."""
    found: dict[str, tuple[str, str]] = {}
    for fact in _FACTS:
        if last[fact] == first[fact]:
            continue
        if fact == "versions":
            old, new = (dict(_parted(point[fact])) for point in (last, first))
            for name in sorted(old.keys() | new.keys()):
                if old.get(name) != new.get(name):
                    found[name] = (old.get(name, "none"), new.get(name, "none"))
        else:
            found[fact] = (str(last[fact] or "not recorded"), str(first[fact] or "not recorded"))
    return found


def _parted(versions: str | None) -> list[tuple[str, str]]:
    return [(name, number) for entry in (versions or "").split(", ") for name, _, number in [entry.partition(" ")]]


def _level(values: Sequence[float]) -> Maybe[Estimate]:
    import numpy as np

    if len(values) < 2:
        return Missing("one recording has no interval over recordings")
    mean = float(np.mean(values))
    spread = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    half = student(0.975, len(values) - 1) * spread
    return Estimate(value=mean, low=mean - half, high=mean + half).through(math.exp)


def student(level: float, freedom: float) -> float:
    """The quantile of Student's t, for many degrees of freedom by its expansion about the normal quantile.

    From MANY degrees of freedom the expansion is accurate to 1e-8, and importing scipy.special would take a fifth of
    the time of a whole trend. Source: Abramowitz & Stegun, Handbook of Mathematical Functions, 26.7.5.
    """
    if freedom < MANY:
        from scipy.special import stdtrit

        return float(stdtrit(freedom, level))
    z = NormalDist().inv_cdf(level)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / freedom ** (power + 1) for power, term in enumerate(terms))
