"""Physical bounds on counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ironlaw.event import Count
from ironlaw.measure.pmu.plausibility import implausible


def count(event: str, raw: int) -> Count:
    return Count(event=event, raw=raw, enabled_ns=10**9, running_ns=10**9)


def test_the_multiplexed_reading_that_perf_printed_is_impossible() -> None:
    found = implausible(count("cache-references", 181_761_622_056_841), 500_000_000)
    assert found is not None
    assert "181761622056841" in found.reason


def test_a_clock_of_eleven_gigahertz_is_impossible_and_one_of_six_is_not() -> None:
    assert implausible(count("cycles", 11 * 10**9), 10**9) is not None
    assert implausible(count("cycles", 6 * 10**9), 10**9) is None


def test_no_instructions_in_a_millisecond_of_user_work_is_a_dead_counter() -> None:
    assert implausible(count("instructions:u", 0), 2_000_000) is not None
    assert implausible(count("instructions", 0), 2_000_000) is not None


def test_no_instructions_in_the_kernel_is_possible() -> None:
    assert implausible(count("instructions:k", 0), 2_000_000) is None


def test_no_cache_miss_is_possible() -> None:
    assert implausible(count("cache-misses", 0), 10**9) is None


def test_a_count_that_ran_backwards_is_impossible() -> None:
    assert implausible(count("branches", -1), 10**9) is not None


@given(
    hertz=st.floats(min_value=0.5, max_value=6.2),
    ipc=st.floats(min_value=0.01, max_value=12.0),
    cpu_ns=st.integers(min_value=10_000, max_value=10**11),
)
def test_what_a_real_cpu_can_do_is_never_doubted(hertz: float, ipc: float, cpu_ns: int) -> None:
    cycles = max(1, round(hertz * cpu_ns))
    assert implausible(count("cycles", cycles), cpu_ns) is None
    assert implausible(count("instructions", max(1, round(cycles * ipc))), cpu_ns) is None
