"""Intervals against tables and hand calculation."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.analysis.statistics.interval import rank_interval, t_interval, t_quantile
from ironlaw.missing import Missing, is_known

values = st.lists(st.floats(-1e3, 1e3), min_size=6, max_size=20)


@pytest.mark.parametrize(("degrees", "tabulated"), [(1, 12.706), (4, 2.776), (7, 2.365), (9, 2.262), (30, 2.042)])
def test_students_quantile_is_the_tabulated_one(degrees: int, tabulated: float) -> None:
    assert t_quantile(degrees, 0.975) == pytest.approx(tabulated, abs=5e-4)


def test_the_t_interval_is_mean_plus_minus_t_standard_errors() -> None:
    estimate = t_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert is_known(estimate)
    assert estimate.value == 3
    assert estimate.half_width == pytest.approx(2.776445 * math.sqrt(2.5 / 5), rel=1e-6)


def test_one_replicate_has_no_interval() -> None:
    assert isinstance(t_interval([0.3]), Missing)
    assert isinstance(t_interval([]), Missing)


def test_five_replicates_are_too_few_for_ranks_and_six_are_enough() -> None:
    assert isinstance(rank_interval([1, 2, 3, 4, 5]), Missing)
    six = rank_interval([1, 2, 3, 4, 5, 7])
    assert is_known(six)
    assert (six.low, six.high) == (1, 7)  # both tails of 1/64 each: the extremes themselves


@pytest.mark.parametrize(("count", "cut"), [(6, 0), (7, 2), (8, 3), (9, 5), (10, 8), (12, 13), (15, 25), (20, 52)])
def test_the_rank_interval_cuts_at_wilcoxons_tabulated_critical_value(count: int, cut: int) -> None:
    # Critical values of the signed-rank statistic, two-sided 5 %: 0, 2, 3, 5, 8, 13, 25, 52.
    data = [math.exp(0.37 * number) for number in range(count)]
    walsh = sorted((data[i] + data[j]) / 2 for i in range(count) for j in range(i, count))
    estimate = rank_interval(data)
    assert is_known(estimate)
    assert (estimate.low, estimate.high) == (walsh[cut], walsh[-1 - cut])


@given(values)
def test_both_intervals_turn_with_the_sign(data: list[float]) -> None:
    for interval in (t_interval, rank_interval):
        forth, back = interval(data), interval([-value for value in data])
        assert is_known(forth)
        assert is_known(back)
        assert (back.low, back.value, back.high) == pytest.approx((-forth.high, -forth.value, -forth.low), abs=1e-9)


@given(values, st.floats(-1e3, 1e3))
def test_both_intervals_move_with_the_data(data: list[float], shift: float) -> None:
    for interval in (t_interval, rank_interval):
        here, there = interval(data), interval([value + shift for value in data])
        assert is_known(here)
        assert is_known(there)
        assert there.value == pytest.approx(here.value + shift, abs=1e-6)
        assert there.half_width == pytest.approx(here.half_width, abs=1e-6)


def test_a_share_has_the_exact_interval_of_a_binomial() -> None:
    """0 of 10 and 10 of 10 have bounds in closed form: 1 - 0.025^(1/10)."""
    from ironlaw.analysis.statistics.interval import share_interval

    none, all_of_them = share_interval(0, 10), share_interval(10, 10)
    assert is_known(none)
    assert is_known(all_of_them)
    bound = 1 - 0.025**0.1
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(bound)
    assert all_of_them.low == pytest.approx(1 - bound)
    assert isinstance(share_interval(0, 0), Missing)
