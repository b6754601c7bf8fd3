"""What makes the mean of a comparison uncertain: variance between replicates, and variance of rounds within them."""

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
    """Variances of a ln-ratio: of replicates, and of a round within one; the latter is what averaging rounds leaves,
    times their number, so that it holds for rounds that resemble their neighbours.

    `degrees` is how much is known about the former.
    """

    between: float
    within: float
    degrees: float


def components(pairs: Iterable[Pairs]) -> Components | None:
    """Both variances, averaged over comparisons; None before any replicate has two rounds.

    Rounds follow each other: where a host changes its speed every few seconds, neighbours go together, and their mean
    varies by more than the variance of single ones over their number. So variances are taken of means over batches of
    neighbouring rounds, about sqrt(r) of r (Law & Kelton, Simulation Modeling and Analysis, section 9.5.3). That
    between is the variance of replicate means less what the rounds leave (Kalibera & Jones, ISMM 2013), not below zero.
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
    """The variance of the mean of many rounds times their number, by batches; with its degrees of freedom."""
    size = max(1, math.isqrt(len(rounds)))
    batches = len(rounds) // size
    if batches < 2:
        return 0.0, 0
    means = rounds[: batches * size].reshape(batches, size).mean(axis=1)
    return float(means.var(ddof=1)) * size, batches - 1
