"""Simultaneous intervals of many rows that few replicates were measured of: each row's spread is moderated by all.

Source: Smyth, Linear models and empirical Bayes methods, Statistical Applications in Genetics and Molecular Biology 3
(2004) 3, sections 3 to 6. There, too, many rows are measured a few times each.
"""

from __future__ import annotations

import math

import numpy as np

from ironlaw.analysis.statistics.interval import CONFIDENCE, normal_quantile, t_quantile
from ironlaw.analysis.turns import Floats

# The other rows count at most three times as much as the row's own replicates: rows are not samples of one law, and the
# estimate of how much they differ is itself from a dozen. Without the bound, random halves of one arm differed in at
# least one row in 6.5 % of comparisons, with it in 0.7 % (python -m benchmarks.account_rows).
_MOST_OF_OTHERS = 3
_FEWEST_ROWS = 3  # that have a spread, from which the spread of rows is estimated
_STEPS = 30  # of Newton's iteration, which converges within ten


def family_tail(rows: int) -> float:
    """The tail of one of `rows` two-sided intervals that hold together in 95 % of cases (Bonferroni)."""
    return (1 - CONFIDENCE) / 2 / max(1, rows)


def simultaneous_half_widths(values: Floats, known: Floats) -> Floats:
    """Half widths of intervals of the columns' means that hold for all columns together in 95 % of cases.

    `values` has a row for each replicate, two at least, and a column for each quantity. `known` holds the standard
    errors that the means have at least, above zero, whatever the replicates show: of counting, for samples.

    A column's variance over replicates, in units of its known one, is averaged with what the other columns show, each
    with its degrees of freedom. A column cannot be narrower than its known error.
    """
    count, columns = values.shape
    own = count - 1
    tail = family_tail(columns)
    ratios = values.var(axis=0, ddof=1) / count / np.square(known)
    degrees, typical = _prior(ratios, own)
    moderated = (degrees * typical + own * ratios) / (degrees + own)
    spread = t_quantile(degrees + own, 1 - tail) * np.sqrt(moderated) * known
    half: Floats = np.maximum(normal_quantile(1 - tail) * known, spread)
    return half


def _prior(ratios: Floats, own: int) -> tuple[float, float]:
    """How many degrees of freedom the columns together add to each, and the ratio that they are around.

    Equates mean and variance of the logarithms of the ratios with those of a scaled F distribution.
    """
    from scipy.special import digamma, polygamma

    shown = ratios[ratios > 0]
    if len(shown) < _FEWEST_ROWS:
        return 0.0, 0.0
    logs = np.log(shown) - float(digamma(own / 2)) + math.log(own / 2)
    typical, most = float(logs.mean()), float(_MOST_OF_OTHERS * own)
    excess = float(logs.var(ddof=1)) - float(polygamma(1, own / 2))
    if excess <= 0:  # the columns differ by no more than their own replicates leave open
        return most, math.exp(typical)
    degrees = 2 * _inverse_trigamma(excess)
    typical += float(digamma(degrees / 2)) - math.log(degrees / 2)
    return min(degrees, most), math.exp(typical)


def _inverse_trigamma(value: float) -> float:
    """The x whose trigamma is the value: Newton's iteration for 1/trigamma, nearly a line (Smyth, appendix)."""
    from scipy.special import polygamma

    x = 0.5 + 1 / value
    for _ in range(_STEPS):
        trigamma = float(polygamma(1, x))
        x += trigamma * (1 - trigamma / value) / float(polygamma(2, x))
    return x
