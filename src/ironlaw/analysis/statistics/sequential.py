"""Interim looks at experiments during a run: what they may confirm, and the rule for the end of the run.

Settled experiments leave the rounds, so that the time goes to open ones. Stopping at the first small p-value of many
looks would confirm noise more often than 5 % of the time. By Haybittle and Peto's rule an interim look confirms at p <
0.001 only, with Bonferroni's correction over all hypotheses, and the final look is Holm's at 0.05 minus what the
interim looks may have spent. By the union bound the probability of any false confirmation in a recording stays at 5 %,
whatever the dependence between experiments and looks.

Source: Haybittle, British Journal of Radiology 44 (1971) 793; Peto et al., British Journal of Cancer 34 (1976) 585.
The simulated rates are in docs/method.md, section 4 (`python -m benchmarks.schedule spending`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ironlaw.analysis.statistics.interval import CONFIDENCE, t_quantile

FAMILY_ERROR = 1 - CONFIDENCE
INTERIM_ERROR = 0.001
# Neither confirmed nor refuted before: with two or three the spread is often read far too small, and what is reported
# of what left then would not cover (benchmarks/schedule.py, `spending`).
FEWEST_TO_SETTLE = 5
# The looks of a run spend two fifths of the family's error at most.
MOST_LOOKS = 20
_LATER = 1.15  # factor in replicates from one look to the next: some twenty looks up to a hundred replicates
INTERIM_CONFIDENCE = 0.99  # of the interval that must lie within what would not matter
MOST_PROJECTED = 10_000
LEAST_OF_TYPICAL = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class LookRule:
    """The rule for one look: the familywise probability of a confirmation by noise, and the confidence of the interval
    that refutes.
    """

    error: float = FAMILY_ERROR
    confidence: float = CONFIDENCE


AT_ONCE = LookRule()  # without looks
INTERIM = LookRule(error=INTERIM_ERROR, confidence=INTERIM_CONFIDENCE)


def final_rule(looks: int) -> LookRule:
    """The rule for the end of a run, after this number of interim looks."""
    return LookRule(error=FAMILY_ERROR - INTERIM_ERROR * min(looks, MOST_LOOKS))


def is_due(replicates: int, looks: int) -> bool:
    """Whether interim look number `looks` + 1 is due after this number of replicates of experiments."""
    return looks < MOST_LOOKS and replicates >= max(FEWEST_TO_SETTLE + looks, FEWEST_TO_SETTLE * _LATER**looks)


def guarded_p_value(values: Sequence[float], typical_spread: float) -> float:
    """The p-value of an interim look, with a spread of at least half the typical one.

    The first few replicates of an experiment can be close together at random, above all if processes have two modes:
    five replicates in the same mode have hardly any spread. All experiments of a recording run in the same processes,
    so the median of their spreads is the typical one.
    """
    if len(values) < 2:
        return 1.0
    from scipy.special import stdtr

    spread = max(float(np.std(values, ddof=1)), LEAST_OF_TYPICAL * typical_spread)
    mean = math.fsum(values) / len(values)
    if spread == 0:
        return 1.0 if mean == 0 else 0.0
    return min(1.0, 2 * float(stdtr(len(values) - 1, -abs(mean) / (spread / math.sqrt(len(values))))))


def replicates_to_decide(*scales: tuple[Sequence[float], float], hypotheses: int) -> float:
    """The total number of replicates that would confirm or refute, if means and spreads stay the same; infinite: none
    would.

    `scales` are what one experiment read on each scale that it is judged on, positive as predicted, and what is
    negligible there. It is confirmed if it shows on all of them, and refuted if it is negligible on one.
    """
    count = min(len(values) for values, _ in scales)
    if count < 2:
        return math.inf
    known = [(float(np.mean(values)), float(np.std(values, ddof=1)), smallest) for values, smallest in scales]
    wanted = count
    while wanted <= MOST_PROJECTED:
        to_confirm = t_quantile(wanted - 1, 1 - FAMILY_ERROR / 2 / max(1, hypotheses)) / math.sqrt(wanted)
        to_refute = t_quantile(wanted - 1, (1 + CONFIDENCE) / 2) / math.sqrt(wanted)
        confirms = all(mean > to_confirm * spread for mean, spread, _ in known)
        if confirms or any(abs(mean) + to_refute * spread < smallest for mean, spread, smallest in known):
            return wanted
        wanted += max(1, wanted // 16)
    return math.inf
