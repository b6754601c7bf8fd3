"""Variance components of a comparison's mean: between replicates, and of rounds within them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ironlaw.analysis.statistics.paired import Pairs
from ironlaw.analysis.turns import Floats

# Degrees of freedom that the assumption on the variance between replicates counts for. Two replicates show it with one
# degree of freedom, so that a run would lengthen or shorten its replicates at random (benchmarks/schedule.py).
PRIOR_DEGREES = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Variances of a ln-ratio: between replicates, and of a round within one. The latter is the variance of a mean of
    rounds times their number, which accounts for correlated neighbours.

    `degrees` are the degrees of freedom of the former.
    """

    between: float
    within: float
    degrees: float


def components(pairs: Iterable[Pairs]) -> Components | None:
    """Estimate both variances, averaged over comparisons; None until a replicate has two rounds.

    Neighbouring rounds are correlated if the host changes its speed every few seconds, so that the mean of r rounds
    varies by more than the variance of one over r. Variances are therefore taken of means over batches of about sqrt(r)
    neighbouring rounds (Law & Kelton, Simulation Modeling and Analysis, section 9.5.3). The variance between replicates
    is that of their means minus the part of the rounds (Kalibera & Jones, ISMM 2013), at least zero.
    """
    found = [one for one in map(_of_one, pairs) if one is not None]
    if not found:
        return None
    return Components(
        between=float(np.mean([one.between for one in found])),
        within=float(np.mean([one.within for one in found])),
        degrees=max(one.degrees for one in found),
    )


def _of_one(pairs: Pairs) -> Components | None:
    tables = [pairs.round_ln_ratio[pairs.round_replicate == number] for number in pairs.replicates]
    known = [(variance, degrees) for variance, degrees in map(_long_run, tables) if degrees]
    if not known:
        return None
    degrees = sum(count for _, count in known)
    within = math.fsum(variance * count for variance, count in known) / degrees
    means = pairs.ln_ratios
    if len(means) < 2:
        return Components(between=0.0, within=within, degrees=0.0)
    left = float(np.mean([within / len(table) for table in tables]))
    return Components(between=max(0.0, float(means.var(ddof=1)) - left), within=within, degrees=len(means) - 1.0)


def _long_run(rounds: Floats) -> tuple[float, int]:
    """The variance of the mean of many rounds times their number, by batch means, and its degrees of freedom."""
    size = max(1, math.isqrt(len(rounds)))
    batches = len(rounds) // size
    if batches < 2:
        return 0.0, 0
    means = rounds[: batches * size].reshape(batches, size).mean(axis=1)
    return float(means.var(ddof=1)) * size, batches - 1
