"""What no CPU can do, and that a counter which never counted is a gap."""

from __future__ import annotations

import math

import pytest

from ironlaw.analysis.iron_law.misleading import _rise
from ironlaw.event import Count, most_per_ns
from ironlaw.missing import Missing


@pytest.mark.parametrize(
    ("event", "most"),
    [("cycles", 10), ("cycles:u", 10), ("instructions:k", 200), ("branches", 200), ("fp_ret_sse_avx_ops.all", 1280)],
)
def test_an_event_happens_at_most_so_often_in_a_ns(event: str, most: float) -> None:
    # 10 cycles a ns; of each 20 instructions, or 128 of anything.
    assert most_per_ns(event) == most


def test_a_counter_that_was_never_enabled_is_a_gap_and_not_zero() -> None:
    assert isinstance(Count(event="cycles", raw=0, enabled_ns=0, running_ns=0).value, Missing)


def test_a_counter_that_shared_its_slot_is_a_gap_that_names_the_share() -> None:
    value = Count(event="cycles", raw=30, enabled_ns=40, running_ns=10).value
    assert isinstance(value, Missing)
    assert "25 % of the time" in value.reason
    assert Count(event="cycles", raw=30, enabled_ns=40, running_ns=40).value == 30


@pytest.mark.parametrize(("control", "changed"), [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
def test_from_or_to_nothing_no_metric_rises_or_falls(control: float, changed: float) -> None:
    assert math.isnan(_rise(control, changed))
