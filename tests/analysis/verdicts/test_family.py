"""Experiments judged together: Holm's step-down rule against its own worked numbers, its laws and a null case."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.analysis.verdicts.family import adjusted, p_value


def test_holm_gives_the_numbers_worked_by_hand() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04, and none may fall below the one before.
    found = adjusted({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06})


def test_a_single_experiment_is_judged_by_its_own_p_value() -> None:
    assert adjusted({"only": 0.04}) == {"only": 0.04}


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), min_size=1, max_size=12))
def test_judged_together_nothing_is_likelier_real_than_alone_and_never_worse_than_by_bonferroni(
    alone: dict[str, float],
) -> None:
    together = adjusted(alone)
    for key, p in alone.items():
        assert p <= together[key] <= min(1.0, len(alone) * p)


def test_a_p_value_is_that_of_students_t() -> None:
    # Mean 1, standard error 1/sqrt(3), 2 degrees of freedom: t = sqrt(3), P = 1 - t / sqrt(2 + t^2).
    assert p_value([0.0, 1.0, 2.0]) == pytest.approx(1 - 3**0.5 / 5**0.5)
    assert p_value([0.3]) == 1.0
    assert p_value([0.0, 0.0, 0.0]) == 1.0


def test_nine_true_nulls_are_all_left_alone_in_nineteen_recordings_of_twenty() -> None:
    rng = np.random.default_rng(7)
    recordings = 600
    false = sum(
        min(adjusted({n: p_value(list(rng.normal(0, 0.03, 7))) for n in range(9)}).values()) < 0.05
        for _ in range(recordings)
    )
    # 5 % of 600 are 30, with a standard deviation of 5.3.
    assert false <= 30 + 3 * 5.3
