"""Simultaneous intervals of rows whose spreads support each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t

from ironlaw.analysis.statistics.moderated import family_tail, simultaneous_half_widths


def test_one_column_alone_has_student_s_interval() -> None:
    values = np.array([[1.0], [2.0], [4.0], [7.0]])
    expected = t.ppf(0.975, 3) * values.std(ddof=1) / 2
    assert simultaneous_half_widths(values, np.array([1e-3]))[0] == pytest.approx(expected)


def test_columns_without_spread_have_their_known_error_at_the_level_of_the_family() -> None:
    half = simultaneous_half_widths(np.ones((5, 10)), np.full(10, 2.0))
    assert half == pytest.approx(np.full(10, 2 * norm.ppf(1 - 0.0025)))
    assert family_tail(10) == pytest.approx(0.0025)


def test_columns_of_equal_spread_share_it_up_to_three_times_their_own_degrees() -> None:
    """All ratios are 4 after two replicates: each column has 1 degree of its own, and 3 of the others."""
    known = np.array([1.0, 2.0, 5.0, 10.0])
    values = np.array([known * 2, -known * 2])
    assert values.var(axis=0, ddof=1) / 2 / known**2 == pytest.approx(np.full(4, 4.0))
    # The logarithm of a chi-square of one degree is 1.2704 below its mean's on average: ln 2 + Euler's constant.
    others = 4 * np.exp(np.log(2) + np.euler_gamma)
    expected = t.ppf(1 - 0.025 / 4, 4) * np.sqrt((3 * others + 4) / 4) * known
    assert simultaneous_half_widths(values, known) == pytest.approx(expected)


def test_columns_whose_spreads_differ_add_the_degrees_that_their_scatter_leaves_them() -> None:
    """The logarithms of the ratios scatter by pi^2/3 = trigamma(1) + trigamma(1): one for the columns' own 2 degrees,
    one for 2 of the others. Their mean is 0, and so is that of the ratio which all are around: digamma(1) is added and
    taken away again.
    """
    known = np.array([1.0, 2.0, 5.0, 10.0])
    ratios = np.exp(np.array([-1.0, -1.0, 1.0, 1.0]) * np.pi / 2)
    values = np.array([-1.0, 0.0, 1.0])[:, None] * np.sqrt(3 * ratios) * known
    expected = t.ppf(1 - 0.025 / 4, 4) * np.sqrt((2 * 1.0 + 2 * ratios) / 4) * known
    assert simultaneous_half_widths(values, known) == pytest.approx(expected)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    st.integers(2, 8).flatmap(
        lambda count: st.lists(st.lists(st.floats(-1e3, 1e3), min_size=count, max_size=count), min_size=1, max_size=14)
    ),
    st.floats(1e-3, 1e3),
    st.floats(0.01, 100),
)
def test_no_interval_is_narrower_than_what_is_known_and_scale_does_not_matter(
    columns: list[list[float]], known: float, factor: float
) -> None:
    values = np.array(columns).T
    errors = np.full(len(columns), known)
    half = simultaneous_half_widths(values, errors)
    assert np.all(half >= norm.ppf(1 - family_tail(len(columns))) * known * (1 - 1e-9))
    assert np.all(np.isfinite(half))
    assert simultaneous_half_widths(values * factor, errors * factor) == pytest.approx(half * factor, rel=1e-6)
    assert simultaneous_half_widths(-values, errors) == pytest.approx(half)
