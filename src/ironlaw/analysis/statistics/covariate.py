"""What explains the spread between replicates: a recorded quantity, and the comparison adjusted for it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ironlaw.analysis.statistics.interval import t_quantile
from ironlaw.analysis.statistics.paired import Pairs
from ironlaw.analysis.turns import CLOCK_CYCLES, ArmTurns, Floats, Ints
from ironlaw.estimate import Estimate
from ironlaw.missing import Maybe, Missing

# What varies at random when a process starts or while it runs, and what is not the time itself.
CANDIDATES = {
    "page-faults": "page faults",
    "context-switches": "context switches",
    "cpu-migrations": "migrations",
    "steal_ns": "steal time",
    "throttled_ns": "time stopped by the cgroup's quota",
}
FREQUENCY = "frequency"
FEWEST_REPLICATES = 6  # with fewer, one line that fits the points by accident passes for an explanation
FALSE_ALARMS = 0.01  # over all candidates together


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariate:
    """A quantity that correlates with the replicate means, and the comparison adjusted for it.

    `is_equal`: adjusted to equality in both arms; otherwise to the mean difference that the arms have in it.
    """

    name: str
    is_equal: bool
    adjusted: Estimate
    explained: float  # share of the variance between replicates


def adjust(pairs: Pairs) -> Maybe[Covariate]:
    """Adjust a comparison for the quantity that correlates best with its replicate means, if any does.

    Regresses the replicates' ln-ratios on the difference of the quantity between control and changed, and returns the
    line's value at zero with its interval. If all differences have one sign, they are a property of the arms rather
    than noise, and the line must not be extrapolated: the value is then that at the mean difference (the plain
    comparison's), with the variation that the quantity explains removed from the interval. A quantity counts only if
    noise gives so strong a correlation in less than 1 % of recordings, all candidates considered.

    Source: the interval of a regression line's mean response (Montgomery, Design and Analysis of Experiments, 10.5).
    """
    ratios = pairs.ln_ratios
    if len(ratios) < FEWEST_REPLICATES:
        return Missing(f"{len(ratios)} replicates are too few to find what explains their spread")
    values = {
        name: mine - theirs
        for name, mine in quantities(pairs.control, pairs.replicates).items()
        if (theirs := quantities(pairs.changed, pairs.replicates).get(name)) is not None
    }
    best = best_explanation(ratios, values)
    if best is None:
        return Missing("no covariate explains the spread")
    name, correlated = best
    is_equal = bool(values[name].min() <= 0.0 <= values[name].max())
    at = 0.0 if is_equal else float(values[name].mean())
    return Covariate(name=name, is_equal=is_equal, adjusted=_on_line(values[name], ratios, at), explained=correlated**2)


def _on_line(x: Floats, y: Floats, at: float) -> Estimate:
    """The least-squares line's value at a point, with the 95 % interval of the mean there."""
    free, away = len(x) - 2, x - x.mean()
    square = float(away @ away)
    slope = float(away @ y) / square
    residual = y - y.mean() - slope * away
    spread = math.sqrt(float(residual @ residual) / free * (1 / len(x) + (at - float(x.mean())) ** 2 / square))
    value, half = float(y.mean()) + slope * (at - float(x.mean())), t_quantile(free, 0.975) * spread
    return Estimate(value=value, low=value - half, high=value + half)


def quantities(turns: ArmTurns, replicates: Ints) -> dict[str, Floats]:
    """The mean per inference of each candidate, per replicate, for candidates that were read in every replicate."""
    found: dict[str, Floats] = {}
    for name, label in CANDIDATES.items():
        column = turns.column(name)
        if not isinstance(column, Missing):
            _keep(found, label, (turns.replicate[column.turn], column.value, np.ones(len(column.turn))), replicates)
    for name in ("cycles", "cycles:u", CLOCK_CYCLES):
        column = turns.column(name)
        if not isinstance(column, Missing) and FREQUENCY not in found:
            parts = (turns.replicate[column.turn], column.value, turns.cpu_ns[column.turn])
            _keep(found, FREQUENCY, parts, replicates)
    return found


def _keep(found: dict[str, Floats], label: str, parts: tuple[Ints, Floats, Floats], replicates: Ints) -> None:
    replicate, over, under = parts
    used = np.isin(replicate, replicates)
    place = np.searchsorted(replicates, replicate[used])
    below = np.bincount(place, weights=under[used], minlength=len(replicates))
    if (below > 0).all():
        found[label] = np.bincount(place, weights=over[used], minlength=len(replicates)) / below


def best_explanation(response: Floats, values: dict[str, Floats]) -> tuple[str, float] | None:
    """The quantity with the strongest correlation, and that correlation, if noise does not explain it."""
    varying = {name: value for name, value in values.items() if _varies(value)}
    if not varying or not _varies(response) or len(response) < FEWEST_REPLICATES:
        return None
    strengths = {name: float(np.corrcoef(response, value)[0, 1]) for name, value in varying.items()}
    name = max(strengths, key=lambda candidate: abs(strengths[candidate]))
    free = len(response) - 2
    t = t_quantile(free, 1 - FALSE_ALARMS / len(varying) / 2)
    if abs(strengths[name]) <= t / math.sqrt(free + t * t):
        return None
    return name, strengths[name]


def _varies(values: Floats) -> bool:
    return bool(np.ptp(values) > 1e-9 * np.abs(values).max(initial=0.0))
