"""The meters: the clock-only one on this process, the hardware one on kernels with stated PMUs."""

from __future__ import annotations

import errno
import mmap
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.event import CACHE_MISSES, CYCLES, INSTRUCTIONS, Count, EventGroup, Mode
from ironlaw.fact import CounterCheck, Meter
from ironlaw.measure.hardware_meter import HardwareMeter, doubted
from ironlaw.measure.meter import ClockMeter, groups_of, meter_for
from ironlaw.measure.pmu.scripted_kernel import OWN_THREAD, ScriptedClock, ScriptedKernel, StatedPmu, Work
from ironlaw.missing import Missing

MODES = EventGroup(
    (
        INSTRUCTIONS.in_mode(Mode.USER),
        CYCLES.in_mode(Mode.USER),
        INSTRUCTIONS.in_mode(Mode.KERNEL),
        CYCLES.in_mode(Mode.KERNEL),
    )
)
CACHES = EventGroup((INSTRUCTIONS, CYCLES, CACHE_MISSES))

INFERENCE = Work(
    user={"instructions": 40_000_000, "cycles": 30_000_000, "cache-misses": 20_000},
    kernel={"instructions": 2_000_000, "cycles": 6_000_000, "cache-misses": 1_000},
    cpu_ns=12_000_000,
)


def attached(
    kernel: ScriptedKernel, threads: list[int] | None = None, groups: tuple[EventGroup, ...] = (MODES, CACHES)
) -> HardwareMeter:
    there = threads if threads is not None else [OWN_THREAD]
    meter = HardwareMeter(groups, kernel=kernel, threads=lambda: tuple(there), clock=ScriptedClock(kernel))
    meter.attach()
    return meter


def values(counts: tuple[Count, ...]) -> dict[str, object]:
    return {count.event: count.value for count in counts}


def one_inference(meter: HardwareMeter, kernel: ScriptedKernel) -> None:
    """A turn of one inference, whose counts are still to be read."""
    meter.begin(0)
    meter.start()
    kernel.run(INFERENCE)
    meter.stop()


def test_user_and_kernel_are_counted_apart() -> None:
    kernel = ScriptedKernel()
    meter = attached(kernel)
    one_inference(meter, kernel)
    assert values(meter.finish().counts) == {
        "instructions:u": 40_000_000,
        "cycles:u": 30_000_000,
        "instructions:k": 2_000_000,
        "cycles:k": 6_000_000,
    }


def test_counting_is_cumulative_over_pauses_and_leaves_them_out() -> None:
    kernel = ScriptedKernel()
    meter = attached(kernel)
    meter.begin(1)
    for _ in range(3):
        meter.start()
        kernel.run(INFERENCE)
        meter.stop()
        kernel.run(INFERENCE)  # not in the window
    turn = meter.finish()
    assert values(turn.counts)["cache-misses"] == 3 * 21_000
    assert turn.cpu_ns == 3 * 12_000_000


def test_a_turn_begins_at_zero_whatever_was_counted_before() -> None:
    kernel = ScriptedKernel()
    meter = attached(kernel)
    for turns in (1, 5, 2):
        meter.begin(0)
        meter.start()
        for _ in range(turns):
            kernel.run(INFERENCE)
        meter.stop()
        counts = meter.finish().counts
        assert values(counts)["instructions:u"] == turns * 40_000_000
        assert {count.enabled_ns for count in counts} == {turns * 12_000_000}


@given(work=st.lists(st.integers(min_value=1, max_value=4), min_size=1, max_size=4))
def test_counts_of_all_threads_are_summed(work: list[int]) -> None:
    kernel = ScriptedKernel()
    threads = list(range(1, len(work) + 1))
    meter = attached(kernel, threads)
    meter.begin(0)
    meter.start()
    for thread, inferences in zip(threads, work, strict=True):
        for _ in range(inferences):
            kernel.run(INFERENCE, thread=thread)
    meter.stop()
    assert values(meter.finish().counts)["instructions:u"] == sum(work) * 40_000_000


def test_a_thread_that_appears_during_a_turn_makes_its_counts_gaps_and_is_counted_from_the_next_on() -> None:
    kernel = ScriptedKernel()
    threads = [OWN_THREAD]
    meter = attached(kernel, threads)
    meter.begin(0)
    meter.start()
    threads.append(2)
    kernel.run(INFERENCE)
    kernel.run(INFERENCE, thread=2)
    meter.stop()
    for count in meter.finish().counts:
        assert isinstance(count.value, Missing)
        assert "1 thread(s) appeared" in count.value.reason
    meter.begin(0)
    meter.start()
    kernel.run(INFERENCE)
    kernel.run(INFERENCE, thread=2)
    meter.stop()
    assert values(meter.finish().counts)["instructions:u"] == 80_000_000


def test_a_thread_that_came_and_went_within_a_turn_is_missed_by_no_list_but_by_its_cpu_time() -> None:
    kernel = ScriptedKernel()
    meter = attached(kernel)
    meter.begin(0)
    meter.start()
    for _ in range(9):
        kernel.run(INFERENCE)
    kernel.run(INFERENCE, thread=77)
    meter.stop()
    reasons = {count.value.reason for count in meter.finish().counts if isinstance(count.value, Missing)}
    assert len(reasons) == 1
    assert next(iter(reasons)).startswith("10 % of the CPU time was spent by threads that started and ended")


def test_a_refused_group_is_a_gap_and_the_other_groups_go_on() -> None:
    kernel = ScriptedKernel(StatedPmu(refuses={":k": errno.EOPNOTSUPP}))
    meter = attached(kernel)
    for group in (0, 1):
        meter.begin(group)
        meter.start()
        kernel.run(INFERENCE)
        meter.stop()
        found = values(meter.finish().counts)
        if group == 0:
            assert all(isinstance(value, Missing) and "EOPNOTSUPP" in value.reason for value in found.values())
        else:
            assert found["cache-misses"] == 21_000


def test_a_group_without_room_on_the_pmu_is_a_gap() -> None:
    kernel = ScriptedKernel()
    meter = attached(kernel)
    one_inference(meter, kernel)
    kernel.pmu = replace(kernel.pmu, has_room=False)
    assert all(isinstance(value, Missing) for value in values(meter.finish().counts).values())


def test_multiplexed_counts_are_gaps_with_their_raw_reading_kept() -> None:
    kernel = ScriptedKernel(StatedPmu(shares_above=2))
    meter = attached(kernel)
    one_inference(meter, kernel)
    count = meter.finish().counts[0]
    assert isinstance(count.value, Missing)
    assert count.raw == 20_000_000
    assert (count.enabled_ns, count.running_ns) == (12_000_000, 6_000_000)


def test_an_impossible_count_is_a_gap_with_its_raw_reading_kept() -> None:
    kernel = ScriptedKernel(StatedPmu(adds={"cache-misses": 181_761_622_056_841}))
    meter = attached(kernel)
    meter.begin(1)
    meter.start()
    kernel.run(INFERENCE)
    meter.stop()
    counts = {count.event: count for count in meter.finish().counts}
    assert isinstance(counts["cache-misses"].value, Missing)
    assert counts["cache-misses"].raw == 181_761_622_056_841
    assert counts["cycles"].value == 36_000_000


def test_impossible_cycles_take_the_whole_group_along() -> None:
    counts = tuple(
        Count(event=event, raw=raw, enabled_ns=10**6, running_ns=10**6)
        for event, raw in (("instructions", 10**6), ("cycles", 10**12), ("cache-misses", 10))
    )
    found = doubted(counts, cpu_ns=10**6, uncounted="")
    assert all(isinstance(count.value, Missing) for count in found)
    assert [count.raw for count in found] == [10**6, 10**12, 10]


def test_no_group_counts_nothing_but_the_clock() -> None:
    kernel = ScriptedKernel()
    meter = attached(kernel)
    meter.begin(-1)
    meter.start()
    kernel.run(INFERENCE)
    meter.stop()
    turn = meter.finish()
    assert turn.counts == ()
    assert turn.cpu_ns == 12_000_000


def test_closing_gives_every_counter_back() -> None:
    kernel = ScriptedKernel()
    meter = attached(kernel, [OWN_THREAD, 2, 3])
    assert kernel.open_counters == 3 * (4 + 3)
    meter.close()
    assert kernel.open_counters == 0


def test_the_clock_meter_refuses_a_group() -> None:
    meter = ClockMeter()
    meter.attach()
    with pytest.raises(ValueError, match="no event group 0"):
        meter.begin(0)


def test_the_clock_meter_counts_the_pages_that_were_touched() -> None:
    meter = ClockMeter()
    meter.attach()
    memory = mmap.mmap(-1, 100 * mmap.PAGESIZE)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    meter.begin(-1)
    meter.start()
    for page in range(100):
        memory[page * mmap.PAGESIZE] = 1
    meter.stop()
    turn = meter.finish()
    memory.close()
    assert 100 <= turn.minor_faults < 150
    assert turn.counts == ()


def test_the_clock_meter_holds_at_least_the_cpu_time_of_another_thread() -> None:
    spent_ns: list[int] = []

    def work() -> None:
        sum(range(300_000))
        spent_ns.append(time.thread_time_ns())

    meter = ClockMeter()
    meter.attach()
    meter.begin(-1)
    meter.start()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    meter.stop()
    assert meter.finish().cpu_ns >= spent_ns[0] > 0


def test_what_is_not_in_a_window_is_left_out() -> None:
    meter = ClockMeter()
    meter.attach()
    memory = mmap.mmap(-1, 200 * mmap.PAGESIZE)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    meter.begin(-1)
    meter.start()
    meter.stop()
    for page in range(200):
        memory[page * mmap.PAGESIZE] = 1
    meter.start()
    meter.stop()
    faults = meter.finish().minor_faults
    memory.close()
    assert faults < 100


def test_a_check_brings_its_own_encodings_back() -> None:
    check = CounterCheck(
        meter=Meter.HARDWARE,
        slots=4,
        groups=(tuple(str(event) for event in MODES.events),),
        events=MODES.events,
    )
    assert groups_of(check) == (MODES,)
    with pytest.raises(ValueError, match="instructions:k"):
        groups_of(replace(check, events=MODES.events[:2]))


def test_without_a_pmu_the_clock_measures() -> None:
    check = CounterCheck(meter=Meter.CLOCK, slots=Missing("no PMU"), groups=())
    assert isinstance(meter_for(check), ClockMeter)
