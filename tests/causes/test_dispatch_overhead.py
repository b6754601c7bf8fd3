"""Dispatch overhead is not tested of a decoder in a phase: a trace keeps no keys and values."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.arm import Arm
from ironlaw.causes.dispatch_overhead import CAUSE
from ironlaw.observed import Observed

PLAIN = Observed(
    arm=Arm.of("fp32"), wall_ns=1e5, page_faults=0.0, checks={}, census={"operators": 50.0}, cpus=1, size_bytes=1
)


def test_an_arm_in_a_phase_of_generation_is_not_traced_and_the_reason_is_given() -> None:
    assert CAUSE.shows(PLAIN)
    assert CAUSE.excludes(PLAIN) == ""
    phased = replace(PLAIN, arm=Arm.of("fp32+phase=decode:8"))
    assert not CAUSE.shows(phased)
    assert CAUSE.excludes(phased) == "a trace keeps no keys and values between its calls"
