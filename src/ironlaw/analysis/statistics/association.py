"""The association of counters with time: covariance and correlation over rounds, replicates and arms; not a cause."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ironlaw.analysis.statistics.paired import mean_by
from ironlaw.analysis.turns import CLOCK_CHANGE, ArmTurns, Floats
from ironlaw.estimate import Estimate
from ironlaw.explanation import Association
from ironlaw.missing import Maybe, Missing, is_known

ROUNDS, REPLICATES, ARMS = "rounds", "replicates", "arms"
Z_95 = 1.959963984540054  # the normal distribution's 97.5 % point
# Parts of the time itself, and how much the clock changed in it: that they go with it says nothing.
NOT_COUNTERS = ("user_ns", "kernel_ns", CLOCK_CHANGE)
SMALLEST_RELATIVE_SPREAD = 1e-12  # below, a quantity did not vary, up to rounding


def associations(turns: dict[str, ArmTurns]) -> tuple[Association, ...]:
    """Associate every counter with the wall time: over rounds and replicates of each arm, and over arms.

    Over rounds, deviations from the replicate's own mean; over replicates, their means; over arms, theirs. Counters
    and times are per inference, times in ns. Covariance is 1/n sum (x - mean x)(y - mean y).
    """
    found = [one for table in turns.values() for one in _within(table)]
    return (*found, *_over_arms(list(turns.values())))


def _within(table: ArmTurns) -> Iterator[Association]:
    for name, column in table.columns.items():
        if name in NOT_COUNTERS:
            continue
        replicate = table.replicate[column.turn]
        replicates, place = np.unique(replicate, return_inverse=True)
        wall_ns = table.wall_ns[column.turn]
        count_means, wall_means = (mean_by(replicate, values, replicates) for values in (column.value, wall_ns))
        yield _association(
            name, ROUNDS, table.arm, (column.value - count_means[place], wall_ns - wall_means[place]), len(replicates)
        )
        yield _association(name, REPLICATES, table.arm, (count_means, wall_means), 1)


def _over_arms(tables: list[ArmTurns]) -> Iterator[Association]:
    names = dict.fromkeys(name for table in tables for name in table.columns if name not in NOT_COUNTERS)
    for name in names:
        means, walls = [], []
        for table in tables:
            mean = table.mean(name)
            if is_known(mean):
                means.append(mean)
                walls.append(float(table.wall_ns.mean()))
        if len(means) > 1:
            yield _association(name, ARMS, "", (np.array(means), np.array(walls)), 1)


def _association(counter: str, over: str, arm: str, pairs: tuple[Floats, Floats], groups: int) -> Association:
    """`groups` is the number of means subtracted before; each costs a degree of freedom."""
    counts, walls = (values - values.mean() for values in pairs)
    return Association(
        counter=counter,
        over=over,
        arm=arm,
        n=len(counts),
        covariance=float((counts * walls).mean()),
        correlation=correlation(pairs[0], pairs[1], groups=groups),
    )


def correlation(first: Floats, second: Floats, *, groups: int = 1) -> Maybe[Estimate]:
    """Pearson's correlation with Fisher's interval; Missing if one side does not vary or n is below 4.

    `groups` is the number of group means subtracted from the values before (1: only the common mean).
    """
    x, y = first - first.mean(), second - second.mean()
    for values, raw in ((x, first), (y, second)):
        if not (np.abs(values) > SMALLEST_RELATIVE_SPREAD * np.abs(raw).max(initial=0.0)).any():
            return Missing("it did not vary")
    free = len(x) - groups - 2
    if free < 1:
        return Missing(f"{len(x)} values are too few for an interval")
    value = float((x * y).sum() / math.sqrt(float((x * x).sum()) * float((y * y).sum())))
    value = min(1.0, max(-1.0, value))
    if abs(value) == 1.0:
        return Estimate(value=value, low=value, high=value)
    half = Z_95 / math.sqrt(free)
    low, high = math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half)
    return Estimate(value=value, low=min(low, value), high=max(high, value))
