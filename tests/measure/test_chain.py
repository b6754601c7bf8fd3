"""The clock from chains of instructions: what ratios of latencies mean, and two chains that must agree."""

from __future__ import annotations

import pytest

from ironlaw.measure.chain import agreed, clock_mhz, multiplication_cycles
from ironlaw.missing import Missing, is_known


def test_a_ratio_of_latencies_is_a_whole_number_of_cycles_or_the_clock_is_not_known() -> None:
    assert agreed(2.99, fewest=3, most=3) == 3
    assert agreed(4.05, fewest=2, most=6) == 4
    for ratio in (3.4, 6.0, 1.5):  # between two, an addition that took no time, a core of another kind
        found = agreed(ratio, fewest=3, most=3)
        assert isinstance(found, Missing)
        assert f"{ratio:.2f} times" in found.reason


@pytest.mark.hardware
def test_two_chains_of_different_latency_agree_on_a_clock_that_a_cpu_can_have() -> None:
    cycles = multiplication_cycles()
    if isinstance(cycles, Missing):
        pytest.skip(cycles.reason)
    clock = clock_mhz()
    assert is_known(clock)
    assert 300 < clock < 7000
