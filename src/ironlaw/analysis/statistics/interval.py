"""Intervals: from replicate means to a 95 % interval, by Student's t and by ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from ironlaw.analysis.turns import Floats
from ironlaw.estimate import Estimate
from ironlaw.missing import Maybe, Missing

CONFIDENCE = 0.95


@cache
def t_quantile(degrees: float, probability: float) -> float:
    """The quantile of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


@cache
def normal_quantile(probability: float) -> float:
    """The quantile of the normal distribution."""
    from scipy.special import ndtri

    return float(ndtri(probability))


def t_interval(means: Sequence[float] | Floats, *, confidence: float = CONFIDENCE) -> Maybe[Estimate]:
    """The mean of replicate means with Student's t interval; Missing below two replicates.

    A replicate is one draw of everything that is random when a process starts. The spread between replicate means
    includes that variation and the remaining noise within them (Kalibera & Jones, ISMM 2013).
    """
    values = np.asarray(means, dtype=np.float64)
    count = len(values)
    if count == 0:
        return Missing("there is no replicate")
    if count == 1:
        return Missing("one replicate: the spread between replicates is unknown")
    mean = math.fsum(values) / count
    half = t_quantile(count - 1, (1 + confidence) / 2) * float(values.std(ddof=1)) / math.sqrt(count)
    return Estimate(value=mean, low=mean - half, high=mean + half)


def rank_interval(means: Sequence[float] | Floats, *, confidence: float = CONFIDENCE) -> Maybe[Estimate]:
    """The Hodges-Lehmann estimate with the interval that inverts Wilcoxon's signed-rank test.

    Assumes that replicates are independent and symmetric about their centre, but no distribution. Missing below six
    replicates, where the widest such interval does not reach 95 %.

    Source: Hollander & Wolfe, Nonparametric Statistical Methods, section 3.2 and 3.3.
    """
    values = np.asarray(means, dtype=np.float64)
    rank = _signed_rank_cut(len(values), (1 - confidence) / 2)
    if rank is None:
        return Missing(f"{len(values)} replicates are too few: ranks reach {100 * confidence:.0f} % from 6 on")
    first, second = np.triu_indices(len(values))
    walsh = np.sort((values[first] + values[second]) / 2)
    return Estimate(value=float(np.median(walsh)), low=float(walsh[rank]), high=float(walsh[len(walsh) - 1 - rank]))


@cache
def _signed_rank_cut(count: int, tail: float) -> int | None:
    """The number of Walsh averages to cut at each end; None if even the extremes do not reach the tail."""
    if count == 0:
        return None
    ways = np.zeros(count * (count + 1) // 2 + 1)
    ways[0] = 1.0
    for rank in range(1, count + 1):
        ways[rank:] = (ways[rank:] + ways[:-rank]) / 2
        ways[:rank] /= 2
    below = np.cumsum(ways)
    cut = int(np.searchsorted(below, tail, side="right")) - 1
    return cut if cut >= 0 else None


def share_interval(count: int, total: int, *, confidence: float = CONFIDENCE) -> Maybe[Estimate]:
    """The share count/total with the exact binomial interval, which covers at least 95 % also at 0 and 1.

    Source: Clopper & Pearson, Biometrika 26 (1934) 404.
    """
    from scipy.special import betaincinv

    if total == 0:
        return Missing("there is no input")
    tail = (1 - confidence) / 2
    low = float(betaincinv(count, total - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, total - count, 1 - tail)) if count < total else 1.0
    return Estimate(value=count / total, low=low, high=high)


def clustered_share_interval(counts: Sequence[tuple[int, int]], *, confidence: float = CONFIDENCE) -> Maybe[Estimate]:
    """A share over clusters, each (count, total), whose members depend on each other: the exact binomial interval of as
    many independent inputs as would scatter like the clusters do, with Student's t for the few clusters there are.

    Where every cluster has the same share of 0 or 1, its scatter is unknown and taken as that of independent inputs.

    Source: Korn & Graubard, Survey Methodology 24 (1998) 193.
    """
    from scipy.special import betaincinv

    clusters = len(counts)
    total = sum(one for _, one in counts)
    if clusters < 2:
        return Missing("one cluster: the spread between clusters is unknown")
    share = sum(count for count, _ in counts) / total
    variance = clusters / (clusters - 1) * math.fsum((count - share * one) ** 2 for count, one in counts) / total**2
    independent = share * (1 - share) / total
    effective = total * independent / variance if variance > 0 and independent > 0 else float(total)
    tail = (1 - confidence) / 2
    few = t_quantile(total - 1, 1 - tail) / t_quantile(clusters - 1, 1 - tail)
    effective = min(effective, total) * few**2
    hits = share * effective
    low = float(betaincinv(hits, effective - hits + 1, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, effective - hits, 1 - tail)) if hits < effective else 1.0
    return Estimate(value=share, low=min(low, share), high=max(high, share))
