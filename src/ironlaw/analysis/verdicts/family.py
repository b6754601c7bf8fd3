"""The family of experiments of a recording: what noise alone would confirm among them, and what is left of each.

Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979) 65.
It holds the probability of a single false confirmation in a recording at 5 % whatever the dependence between the
experiments, as Bonferroni's bound does, and never confirms less than that.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

Key = TypeVar("Key", bound=Hashable)


def p_value(values: Sequence[float]) -> float:
    """The two-sided probability of a mean so far from zero by noise alone, of replicate values (Student's t).

    1 below two replicates, and where the mean is exactly zero.
    """
    if len(values) < 2:
        return 1.0
    mean, spread = math.fsum(values) / len(values), float(np.std(values, ddof=1))
    if mean == 0:
        return 1.0
    if spread == 0:
        return 0.0
    from scipy.special import stdtr

    t = abs(mean) / (spread / math.sqrt(len(values)))
    return min(1.0, 2 * float(stdtr(len(values) - 1, -t)))


def adjusted(p_values: Mapping[Key, float], *, hypotheses: int = 0) -> dict[Key, float]:
    """Each experiment's p-value as judged among all of them: below 0.05 where it holds by Holm's step-down rule.

    `hypotheses` is how many there are with those that were called for and not begun, whose p-values count as 1.
    """
    found: dict[Key, float] = {}
    largest, count = 0.0, max(hypotheses, len(p_values))
    for place, key in enumerate(sorted(p_values, key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (count - place) * p_values[key]))
        found[key] = largest
    return found
