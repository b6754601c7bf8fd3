"""Arms whose times have two modes or a long tail: the replicates concerned, and what explains them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ironlaw.analysis.statistics.covariate import best_explanation, quantities
from ironlaw.analysis.statistics.paired import mean_by
from ironlaw.analysis.turns import ArmTurns, Floats, Ints
from ironlaw.missing import Maybe, Missing

# Largest gap between neighbouring replicates over the spread inside both groups: what 1 % of recordings with one
# mode exceed, the worst of normal, uniform and t(3) spreads, 20000 simulated recordings each (docs/method.md).
GAP_LIMITS = {6: 11.0, 8: 7.0, 10: 5.4, 15: 3.5, 20: 3.2}
VISIBLE = math.log(1.01)  # modes or tails that move the time by less than 1 % are not worth a doubt
WIDE_SPREAD = 0.02  # standard deviation between replicates, ln units


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """A quantity per inference that differs between an arm's two modes, and its mean in each."""

    quantity: str
    when_slow: float
    when_fast: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Modes:
    """Two modes of an arm's replicates: their distance in ln units, the replicates in each, and what explains them."""

    apart: float
    slow: tuple[int, ...]
    fast: tuple[int, ...]
    companion: Maybe[Companion]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Replicates far apart: their range in ln units, and the quantity per inference that correlates with them."""

    apart: float
    quantity: str
    correlation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """A tail that shifts the mean of ln time from its median by `pull`, mostly in `replicates`.

    `slowest` is the slowest turn over the median.
    """

    pull: float
    replicates: tuple[int, ...]
    slowest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The distribution of one arm's times: two modes or replicates far apart, and a long tail, if any."""

    groups: Modes | Spread | None
    tail: Tail | None


def shape_of(turns: ArmTurns) -> Shape:
    """Examine the distribution of one arm's times."""
    replicates = np.unique(turns.replicate)
    ln_wall = np.log(turns.wall_ns)
    means = mean_by(turns.replicate, ln_wall, replicates)
    explained = best_explanation(means, quantities(turns, replicates))
    slow = slow_mode(means)
    groups: Modes | Spread | None = None
    if slow is not None:
        groups = _modes(turns, replicates, means, slow, explained)
    elif explained is not None and float(means.std(ddof=1)) > WIDE_SPREAD:
        groups = Spread(apart=float(np.ptp(means)), quantity=explained[0], correlation=explained[1])
    return Shape(groups=groups, tail=_tail(turns, replicates, ln_wall))


def slow_mode(means: Floats) -> Ints | None:
    """The indices of the slower of two groups of replicate means; None if one group is as likely.

    Both groups have at least two members, and are at least 1 % of the time apart.
    """
    count = len(means)
    if count < min(GAP_LIMITS):
        return None
    limit = float(np.interp(count, list(GAP_LIMITS), list(GAP_LIMITS.values())))
    order = np.argsort(means, kind="stable")
    rising = means[order]
    gaps = np.diff(rising)[1:-1]  # never one alone: that is an outlier
    place = int(np.argmax(gaps)) + 2
    fast, slow = rising[:place], rising[place:]
    inside = math.sqrt(float(((fast - fast.mean()) ** 2).sum() + ((slow - slow.mean()) ** 2).sum()) / (count - 2))
    gap = float(rising[place] - rising[place - 1])
    if gap < VISIBLE or gap <= limit * inside:
        return None
    return order[place:]


def _modes(turns: ArmTurns, replicates: Ints, means: Floats, slow: Ints, explained: tuple[str, float] | None) -> Modes:
    is_slow = np.zeros(len(means), dtype=bool)
    is_slow[slow] = True
    companion: Maybe[Companion] = Missing("nothing recorded explains which")
    if explained is not None:
        values = quantities(turns, replicates)[explained[0]]
        when_slow, when_fast = float(values[is_slow].mean()), float(values[~is_slow].mean())
        companion = Companion(quantity=explained[0], when_slow=when_slow, when_fast=when_fast)
    return Modes(
        apart=float(means[is_slow].mean() - means[~is_slow].mean()),
        slow=_plain(replicates[is_slow]),
        fast=_plain(replicates[~is_slow]),
        companion=companion,
    )


def _tail(turns: ArmTurns, replicates: Ints, ln_wall: Floats) -> Tail | None:
    """A tail that shifts the mean of the logarithms from their median by more than 1 %; None without one."""
    pulls = np.array(
        [float(values.mean() - np.median(values)) for values in (ln_wall[turns.replicate == r] for r in replicates)]
    )
    pull = float(pulls.mean())
    if abs(pull) <= VISIBLE:
        return None
    slowest = float(np.exp(ln_wall.max() - np.median(ln_wall)))
    return Tail(pull=pull, replicates=_plain(replicates[np.abs(pulls) > VISIBLE]), slowest=slowest)


def _plain(replicates: Iterable[np.integer]) -> tuple[int, ...]:
    return tuple(map(int, replicates))
