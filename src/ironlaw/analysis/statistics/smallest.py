"""The smallest difference that a number of replicates can detect."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import stdev

from ironlaw.analysis.statistics.interval import CONFIDENCE, t_quantile
from ironlaw.missing import Maybe, Missing


def smallest_difference(means: Sequence[float], *, replicates: int) -> Maybe[float]:
    """The smallest fraction by which times must differ for that many replicates to show it, from an arm against itself.

    `means` are ln-ratios of the same work, one for each replicate. Their spread s gives the half-width of a 95 %
    interval, t s / sqrt(n); a true difference of just that size is shown in half of all runs, a smaller one in
    fewer. Missing below two replicates.
    """
    if len(means) < 2 or replicates < 2:
        return Missing("the spread of one replicate is not known")
    half = t_quantile(replicates - 1, (1 + CONFIDENCE) / 2) * stdev(means) / math.sqrt(replicates)
    return math.expm1(half)
