"""Samples of the PMU's cycles beside those of the CPU clock, of one program: run in the emulated machine, too."""

from __future__ import annotations

import math

import pytest

from ironlaw.code import InstructionClass, SampledBy, SampleMode
from tests.hardware.sampled.known_code import MULTIPLY_ADDS, NO_CYCLES, SHORT, sampled
from tests.hardware.sampled.test_known_code import share_of, shares, sites

pytestmark = pytest.mark.hardware


def test_cycles_and_the_cpu_clock_find_the_same_categories() -> None:
    """Within 2 points and three standard errors of the difference of two shares (binomial)."""
    by_cycles, _ = sampled("mixed", SHORT)
    if by_cycles.by is not SampledBy.CYCLES:
        pytest.skip("this machine has no PMU that interrupts: cycles cannot be sampled")
    by_clock, _ = sampled("mixed", SHORT, NO_CYCLES)
    assert by_clock.by is SampledBy.CPU_CLOCK
    counts = [sum(site.count for site in sites(fact)) for fact in (by_cycles, by_clock)]
    assert min(counts) > 500
    first, second = shares(by_cycles), shares(by_clock)
    for category in {*first, *second}:
        one, other = first.get(category, 0.0), second.get(category, 0.0)
        share = (one + other) / 2
        allowed = 0.02 + 3 * math.sqrt(share * (1 - share) * (1 / counts[0] + 1 / counts[1]))
        assert one == pytest.approx(other, abs=allowed), category


def test_cycles_read_a_loop_as_its_class() -> None:
    fact, _ = sampled(MULTIPLY_ADDS)
    if fact.by is not SampledBy.CYCLES:
        pytest.skip("this machine has no PMU that interrupts: cycles cannot be sampled")
    assert share_of(fact, InstructionClass(MULTIPLY_ADDS)) >= 0.98
    assert any(site.mode is SampleMode.USER for site in sites(fact))
