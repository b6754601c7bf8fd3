"""How long an arm is waited for, on a clock that is set by hand."""

from __future__ import annotations

import pytest

from ironlaw.measure.limits import LEAST_S, Limit, Limits


class Clock:
    def __init__(self) -> None:
        self.at_s = 1000.0

    def __call__(self) -> float:
        return self.at_s


@pytest.mark.parametrize(
    ("passed_s", "s"), [(0.0, 90.0), (90.0, 22.5), (104.0, LEAST_S), (120.0, LEAST_S), (500.0, LEAST_S)]
)
def test_an_arm_is_waited_for_three_quarters_of_the_time_that_is_left(passed_s: float, s: float) -> None:
    clock = Clock()
    limits = Limits(clock, 120.0)
    clock.at_s += passed_s
    assert limits.of(900.0) == Limit(s=s, budget_s=120.0)


def test_arms_that_never_answer_leave_time_for_the_others() -> None:
    clock = Clock()
    limits = Limits(clock, 240.0)
    for _ in range(2):
        clock.at_s += limits.of(900.0).s
    assert clock.at_s - 1000.0 == 225.0  # 180 s, then 45 of the 60 s that are left


def test_an_order_that_has_a_shorter_limit_keeps_it_and_the_budget_is_not_blamed() -> None:
    clock = Clock()
    limits = Limits(clock, 120.0)
    assert limits.of(60.0) == Limit(s=60.0)
    clock.at_s += 100.0
    assert limits.of(60.0) == Limit(s=15.0, budget_s=120.0)
    assert limits.of(10.0) == Limit(s=10.0)


def test_the_budget_counts_from_when_the_run_begins() -> None:
    clock = Clock()
    limits = Limits(clock)
    clock.at_s += 60.0
    limits.begin(120.0)
    assert limits.of(900.0) == Limit(s=90.0, budget_s=120.0)


def test_without_a_budget_each_order_has_its_own_limit() -> None:
    clock = Clock()
    limits = Limits(clock)
    clock.at_s += 1e6
    assert limits.of(900.0) == Limit(s=900.0)
    assert Limit(s=900.0).reason == "no answer within 900 s"
    assert Limit(s=900.0).hint == ""


def test_a_budget_that_is_shorter_than_importing_a_library_stops_no_arm_that_imports_it() -> None:
    assert Limits(Clock(), 5.0).of(900.0) == Limit(s=30.0, budget_s=5.0)
    assert Limit(s=30.0, budget_s=5.0).reason == "no answer within 30 s, as long as a budget of 5 s allows"
    assert Limit(s=30.0, budget_s=5.0).hint.endswith("--budget 80")
