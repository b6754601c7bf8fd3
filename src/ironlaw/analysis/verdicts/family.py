"""The family of a recording's experiments: p-values corrected for their number.

Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979) 65.
The probability of any false confirmation in a recording is at most 5 % whatever the dependence between experiments, as
with Bonferroni's correction, and Holm's procedure never confirms less than that one.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

Key = TypeVar("Key", bound=Hashable)


def p_value(values: Sequence[float]) -> float:
    """The two-sided p-value of the mean of replicate values against zero (Student's t).

    1 below two replicates, and if the mean is exactly zero.
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
    """Each experiment's p-value corrected for all of them: below 0.05 if it is significant by Holm's step-down rule.

    `hypotheses` is their number including those that were called for and not started, whose p-values count as 1.
    """
    found: dict[Key, float] = {}
    largest, count = 0.0, max(hypotheses, len(p_values))
    for place, key in enumerate(sorted(p_values, key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (count - place) * p_values[key]))
        found[key] = largest
    return found
