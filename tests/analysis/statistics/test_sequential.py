"""Interim looks: what they may spend, when they are due, and that early outliers confirm nothing."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.analysis.statistics.sequential import (
    FEWEST_TO_SETTLE,
    INTERIM_ERROR,
    MOST_LOOKS,
    final_rule,
    guarded_p_value,
    is_due,
    replicates_to_decide,
)
from ironlaw.analysis.verdicts.family import p_value


@given(st.integers(0, 1000))
def test_interim_looks_and_the_last_spend_one_in_twenty_together(looks: int) -> None:
    taken = min(looks, MOST_LOOKS)
    assert math.isclose(final_rule(looks).error + taken * INTERIM_ERROR, 0.05)
    assert final_rule(looks).error > INTERIM_ERROR


def test_looks_become_rarer_and_end() -> None:
    looks, at = 0, []
    for replicates in range(1, 400):
        if is_due(replicates, looks):
            looks += 1
            at.append(replicates)
    assert at[:3] == [FEWEST_TO_SETTLE, FEWEST_TO_SETTLE + 1, FEWEST_TO_SETTLE + 2]
    assert len(at) == MOST_LOOKS


def test_equal_replicates_by_noise_are_not_believed() -> None:
    assert p_value([0.02] * 5) == 0.0
    # The spread counts for half of 0.04: t = 0.02 / (0.02 / sqrt(5)) = 2.236 with 4 degrees of freedom.
    assert math.isclose(guarded_p_value([0.02] * 5, 0.04), 0.0890, abs_tol=2e-4)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12), st.floats(0, 1))
def test_a_guarded_p_value_is_never_smaller(values: list[float], typical: float) -> None:
    assert guarded_p_value(values, typical) >= p_value(values) - 1e-9 or np.mean(values) == 0


def test_replicates_to_decide_are_known_answers() -> None:
    clear = [0.10, 0.11, 0.09, 0.10, 0.105]
    assert replicates_to_decide((clear, 0.015), hypotheses=1) == 5
    none = [0.001, -0.001, 0.0, 0.0015, -0.0015]
    assert replicates_to_decide((none, 0.015), hypotheses=10) == 5
    assert math.isinf(replicates_to_decide(([0.015], 0.015), hypotheses=1))
    wide = replicates_to_decide(([0.1, -0.1, 0.12, -0.08], 0.015), hypotheses=10)
    assert 100 < wide <= 10_000


def test_what_is_judged_on_two_scales_is_confirmed_on_both_and_refuted_on_one() -> None:
    clear, none = [0.10, 0.11, 0.09, 0.10, 0.105], [0.001, -0.001, 0.0, 0.0015, -0.0015]
    wide = [0.1, -0.1, 0.12, -0.08, 0.06]
    assert replicates_to_decide((clear, 0.015), (clear, 0.015), hypotheses=1) == 5
    assert replicates_to_decide((clear, 0.015), (none, 0.015), hypotheses=1) == 5
    assert replicates_to_decide((clear, 0.015), (wide, 0.015), hypotheses=1) > 50
    against = [-value for value in clear]
    assert math.isinf(replicates_to_decide((clear, 0.015), (against, 0.015), hypotheses=1))


def test_of_recordings_without_an_effect_few_are_confirmed_at_any_look() -> None:
    rng = np.random.default_rng(3)
    false = 0
    for _ in range(400):
        values = rng.normal(0, 0.02, 20)
        looks = confirmed = 0
        for count in range(2, 20):
            if is_due(count, looks):
                looks += 1
                confirmed |= p_value(list(values[:count])) < INTERIM_ERROR
        false += confirmed or p_value(list(values)) < final_rule(looks).error
    # 5 % of 400 are 20, with a standard deviation of 4.4.
    assert false <= 20 + 3 * 4.4
