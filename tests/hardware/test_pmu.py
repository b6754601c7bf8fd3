"""The PMU of this machine, where it has one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ironlaw.fact import CounterCheck, Meter
from ironlaw.machine.inspection import inspect_machine
from ironlaw.measure.meter import groups_of, meter_for
from ironlaw.measure.pmu.known_answer import check_counters
from ironlaw.measure.pmu.known_loop import MachineLoop
from ironlaw.measure.pmu.perf_event import SyscallKernel
from ironlaw.missing import Missing, is_known

pytestmark = pytest.mark.hardware

ITERATIONS = 20_000_000


@pytest.fixture(scope="module")
def check() -> CounterCheck:
    found = check_counters(SyscallKernel(), wanted=True, machine=inspect_machine())
    if found.meter is not Meter.HARDWARE:
        assert isinstance(found.slots, Missing)
        pytest.skip(found.slots.reason)
    return found


def test_every_group_counts_the_known_loop_right_through_the_meter(check: CounterCheck) -> None:
    loop = MachineLoop()
    meter = meter_for(check)
    meter.attach()
    for number, group in enumerate(groups_of(check)):
        meter.begin(number)
        meter.start()
        loop.spin(ITERATIONS)
        meter.stop()
        turn = meter.finish()
        assert len(turn.counts) == len(group.events)
        for count in turn.counts:
            name, _, mode = count.event.partition(":")
            if name == "instructions" and mode != "k":
                assert is_known(count.value)
                assert count.value == pytest.approx(2 * ITERATIONS, rel=0.02)
    meter.close()


def test_the_same_loop_gives_the_same_user_instructions_each_time(check: CounterCheck) -> None:
    loop = MachineLoop()
    meter = meter_for(check)
    meter.attach()
    seen = []
    for _ in range(5):
        meter.begin(0)
        meter.start()
        loop.spin(ITERATIONS)
        meter.stop()
        counted = next(count for count in meter.finish().counts if count.event == "instructions:u")
        assert is_known(counted.value)
        seen.append(counted.value)
    meter.close()
    assert max(seen) - min(seen) <= 0.0005 * min(seen)


def test_a_thread_of_the_process_is_counted_too(check: CounterCheck) -> None:
    loop = MachineLoop()
    meter = meter_for(check)
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(loop.spin, 1).result()  # the thread is there before it is attached to
        meter.attach()
        meter.begin(0)
        meter.start()
        pool.submit(loop.spin, 2 * ITERATIONS).result()
        loop.spin(ITERATIONS)
        meter.stop()
        counted = next(count for count in meter.finish().counts if count.event == "instructions:u")
    meter.close()
    assert is_known(counted.value)
    assert counted.value == pytest.approx(3 * 2 * ITERATIONS, rel=0.02)


def test_a_group_larger_than_the_good_size_is_never_planned(check: CounterCheck) -> None:
    assert is_known(check.slots)
    for group in groups_of(check):
        if not any(event.name == "slots" for event in group.events):
            assert len(group.events) <= check.slots
