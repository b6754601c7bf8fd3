"""Shares of a count that is planned, and what answers are assumed to take."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ironlaw.analysis.scheduling.dimension import assumed_probes, share_out
from ironlaw.arm import Arm


@given(st.integers(0, 10**6), st.integers(1, 500))
def test_shares_are_whole_and_differ_by_at_most_one(total: int, parts: int) -> None:
    shares = share_out(total, parts)
    assert len(shares) == parts
    assert sum(shares) == total
    assert max(shares) - min(shares) <= 1


def test_a_phase_is_assumed_to_answer_fewer_probes() -> None:
    assert assumed_probes(Arm.of("given@llamacpp+phase=prefill:128")) == 16
    assert assumed_probes(Arm.of("fp32+phase=decode:32")) == 16
    assert assumed_probes(Arm.of("int8")) == 64
