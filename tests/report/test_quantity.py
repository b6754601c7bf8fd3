from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.estimate import Estimate
from ironlaw.missing import Missing
from ironlaw.report.quantity import (
    BYTES,
    COUNT,
    MILLISECONDS,
    TIME,
    Footnotes,
    align_points,
    amount,
    decimal,
    known_decimals,
    measured,
    number,
    percent,
    quantity,
    ratio,
    scale_for,
    shown,
)


def _between(low: float, value: float, high: float) -> Estimate:
    return Estimate(value=value, low=low, high=high)


@pytest.mark.parametrize(
    ("half", "decimals"),
    [(0.1, 2), (0.354, 2), (0.36, 1), (0.94, 1), (1.0, 1), (3.6, 0), (36.0, -1), (250.0, -1)],
)
def test_interval_decides_the_digits(half: float, decimals: int) -> None:
    assert known_decimals(_between(100 - half, 100, 100 + half)) == decimals


def test_ratio_shows_value_and_interval_with_the_same_digits() -> None:
    assert ratio(_between(2.6, 2.7, 2.8)) == "2.70× [2.60, 2.80]"


def test_ratio_read_once_has_no_interval() -> None:
    assert ratio(2.7) == "2.70×"


def test_quantity_carries_its_unit() -> None:
    assert quantity(_between(28.1e6, 29.0e6, 29.9e6), MILLISECONDS) == "29.0\N{NO-BREAK SPACE}ms [28.1, 29.9]"


def test_unknown_digits_before_the_point_are_not_shown() -> None:
    assert shown(_between(3112, 3512, 3912)).value == "3500"


def test_interval_that_excludes_one_does_not_look_as_if_it_touched_it() -> None:
    assert shown(_between(1.003, 1.04, 1.077), null=1.0).low == "1.003"


def test_interval_without_an_end_is_shown_as_infinite() -> None:
    assert str(shown(Estimate(value=1.25, low=0.0, high=math.inf))) == "1.2 [0.0, ∞]"


def test_negative_numbers_have_a_true_minus_and_zero_has_none() -> None:
    assert decimal(-0.2, 1) == "−0.2"
    assert decimal(-0.001, 1) == "0.0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (amount(534.2e6, COUNT), "534\N{NO-BREAK SPACE}M"),
        (amount(3512.4, COUNT[:1]), "3512"),
        (amount(14_260_500, BYTES, digits=4), "14.26\N{NO-BREAK SPACE}MB"),
        (amount(950e3, TIME), "950\N{NO-BREAK SPACE}µs"),
        (amount(89.8063e9, TIME), "89.8\N{NO-BREAK SPACE}s"),
        (percent(0.457), "46\N{NO-BREAK SPACE}%"),
        (number(0.0), "0"),
        (number(0.013), "0.0130"),
    ],
)
def test_numbers_without_an_interval_have_three_digits_and_a_fitting_unit(text: str, expected: str) -> None:
    assert text == expected


def test_megabyte_is_a_million_bytes() -> None:
    assert scale_for(BYTES, [1_000_000]).unit == "MB"


def test_column_of_gaps_has_a_unit_too() -> None:
    assert scale_for(TIME, [Missing("refused")]).unit == "ns"


@given(value=st.floats(-1e6, 1e6), half=st.floats(1e-4, 1e6))
def test_printed_value_is_within_the_interval_of_the_true_one(value: float, half: float) -> None:
    text = shown(_between(value - half, value, value + half)).value
    assert abs(float(text.replace("−", "-")) - value) <= half


@given(low=st.floats(1.0005, 10), width=st.floats(0.001, 10))
def test_an_end_above_one_is_printed_above_one(low: float, width: float) -> None:
    text = shown(_between(low, low + width / 2, low + width), null=1.0)
    assert float(text.low) > 1.0


def test_points_stand_below_each_other() -> None:
    assert align_points(["3512", "3.25", "–¹", "−0.5"]) == ["3512   ", "3.25", "–¹", "−0.5 "]


def test_equal_reasons_share_a_footnote() -> None:
    footnotes = Footnotes()
    marks = [footnotes.mark(Missing(reason)) for reason in ("refused", "multiplexed", "refused")]
    assert marks == ["–¹", "–²", "–¹"]
    assert footnotes.lines() == [("¹", "refused"), ("²", "multiplexed")]


@given(value=st.floats(1, 1e9), half=st.floats(0, 1e12))
def test_a_time_is_never_printed_as_nothing(value: float, half: float) -> None:
    text = measured(Estimate(value=value, low=value - half, high=value + half), scale_for(TIME, [value])).value
    assert float(text) == pytest.approx(value / scale_for(TIME, [value]).size, rel=0.05)
