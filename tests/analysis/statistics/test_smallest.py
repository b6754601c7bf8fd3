"""The smallest difference that can be distinguished from none."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.statistics.smallest import smallest_difference
from ironlaw.missing import Missing, is_known

means = st.lists(st.floats(min_value=-0.2, max_value=0.2), min_size=2, max_size=12)


def test_by_hand() -> None:
    # s = 0.01 (means -0.01, 0, 0.01), t for 4 degrees is 2.7764: 2.7764 * 0.01 / sqrt(5) = 0.012416, e^x - 1 =
    # 0.012494.
    assert smallest_difference([-0.01, 0.0, 0.01], replicates=5) == pytest.approx(0.012494, abs=2e-6)


@given(means)
def test_it_is_the_half_width_of_the_interval_that_the_same_replicates_give(values: list[float]) -> None:
    found = smallest_difference(values, replicates=len(values))
    interval = t_interval(values)
    assert is_known(found)
    assert is_known(interval)
    assert math.log1p(found) == pytest.approx(interval.half_width, abs=1e-12)


@given(means, st.integers(min_value=2, max_value=50))
def test_more_replicates_show_smaller_differences(values: list[float], replicates: int) -> None:
    few, more = (smallest_difference(values, replicates=count) for count in (replicates, replicates + 1))
    assert is_known(few)
    assert is_known(more)
    assert more <= few


def test_one_replicate_reports_nothing() -> None:
    assert isinstance(smallest_difference([0.1], replicates=5), Missing)
    assert isinstance(smallest_difference([0.1, 0.2], replicates=1), Missing)
