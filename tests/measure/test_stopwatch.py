"""The account of wall time: every moment has one owner, and none is counted twice."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from ironlaw.analysis.run_time import run_time
from ironlaw.arm import Arm
from ironlaw.fact import Activity, ArmStarted, Reading, Spent
from ironlaw.measure.scripted import ArmScript, Script
from ironlaw.measure.stopwatch import Laps, Stopwatch
from ironlaw.missing import is_known
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.recording import assemble
from tests.scripted import run_script


class Clock:
    def __init__(self) -> None:
        self.now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def test_time_belongs_to_the_activity_that_was_turned_to() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    clock.now_s += 2
    watch.turn_to(Activity.LAYERS)
    clock.now_s += 3
    assert watch.take() == Spent(seconds={Activity.PREPARING: 2.0, Activity.LAYERS: 3.0})
    clock.now_s += 1
    assert watch.take() == Spent(seconds={Activity.LAYERS: 1.0})


def test_parts_are_taken_from_the_time_since_the_last_call_only() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    watch.turn_to(Activity.STARTING)
    clock.now_s += 4
    watch.split({Activity.LOADING: 1.0, Activity.WARMING: 2.0})
    clock.now_s += 3
    watch.split({Activity.LOADING: 6.0, Activity.WARMING: 6.0})  # two arms side by side
    expected = {Activity.STARTING: 1.0, Activity.LOADING: 2.5, Activity.WARMING: 3.5}
    assert watch.take() == Spent(seconds=expected)


STEPS = st.lists(
    st.tuples(
        st.floats(0, 100),
        st.sampled_from(Activity),
        st.dictionaries(st.sampled_from(Activity), st.floats(0, 100), max_size=3),
    )
)


@given(STEPS)
def test_the_parts_add_up_to_the_time_that_passed(steps: list[tuple[float, Activity, dict[Activity, float]]]) -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    for passed_s, activity, parts in steps:
        clock.now_s += passed_s
        watch.split(parts)
        watch.turn_to(activity)
    taken = watch.take().seconds
    assert math.isclose(math.fsum(taken.values()), clock.now_s - 50.0, abs_tol=1e-6)
    assert all(seconds >= 0 for seconds in taken.values())


def test_a_recording_accounts_for_all_of_its_wall_time() -> None:
    arms = with_control((Arm.of("fp32"), Arm.of("int8")))
    plan = Plan(model="scripted", arms=arms, schedule=Schedule(replicates=3, rounds=4, inferences=12))
    script = Script(arms={"fp32": ArmScript(), "int8": ArmScript(user_instructions=4e7)}, start_s=4.0)
    kept = run_script(plan, script)
    run = run_time(assemble(kept))
    assert is_known(run.wall_s)
    assert is_known(run.spent)
    counted_s = sum(fact.wall_ns for fact in kept if isinstance(fact, Reading)) / 1e9
    assert math.isclose(run.counted_s, counted_s)
    assert math.isclose(run.spent[Activity.COUNTED], counted_s, rel_tol=1e-6)
    assert math.isclose(math.fsum(run.spent.values()), run.wall_s, rel_tol=1e-9)
    assert run.replicates == 3
    started_s = sum(fact.load_ns + sum(fact.warm_up_ns) for fact in kept if isinstance(fact, ArmStarted)) / 1e9
    assert run.spent[Activity.LOADING] + run.spent[Activity.WARMING] <= min(started_s, 12.0) + 1e-9


def test_each_lap_is_the_time_since_the_one_before() -> None:
    moments = iter((1.0, 3.0, 3.0, 8.0))
    clock = Laps(lambda: next(moments))
    assert [clock.lap() for _ in range(3)] == [2.0, 0.0, 5.0]
