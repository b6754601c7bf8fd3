"""The recorder on a scripted stage: schedules, budgets, failures, interruption; no process, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from ironlaw.arm import Arm
from ironlaw.errors import BadInput
from ironlaw.fact import Ceilings, Ended, Ending, Fact, Failure, Reading
from ironlaw.machine import Machine
from ironlaw.measure.messages import Turn
from ironlaw.measure.recorder import Advice, record
from ironlaw.measure.scripted import ArmScript, Script, ScriptedStage
from ironlaw.measure.warm_up import WarmUp
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.point import Point
from ironlaw.program import PreparedModel
from ironlaw.recording import Recording, assemble
from ironlaw.running.advice import advise, advise_by
from ironlaw.situation import Dimension, NextReplicate, Situation
from ironlaw.watcher import Unwatched
from tests.scripted import Kept, run_script

FAST = ArmScript(user_instructions=4e7)
SCRIPT = Script(arms={"fp32": ArmScript(), "int8": FAST, "int8+fused": FAST})


def plan(*names: str, schedule: Schedule | None = None) -> Plan:
    arms = with_control(tuple(Arm.of(name) for name in names))
    return Plan(model="scripted", arms=arms, schedule=schedule or Schedule(replicates=4, rounds=6, inferences=240))


def run(what: Plan, stage: ScriptedStage, advice: Advice | None = None) -> Recording:
    return assemble(run_script(what, stage, advice))


def test_every_arm_takes_every_turn_and_positions_are_balanced() -> None:
    recording = run(plan("fp32", "int8"), ScriptedStage(SCRIPT))
    turns = Counter(reading.arm for reading in recording.readings)
    assert turns == {"fp32": 24, "int8": 24, "fp32 (again)": 24}
    positions = Counter((reading.arm, reading.position) for reading in recording.readings)
    assert set(positions.values()) == {8}


def test_all_arms_of_a_round_share_one_event_group_and_groups_rotate() -> None:
    recording = run(plan("fp32", "int8"), ScriptedStage(SCRIPT))
    by_round: dict[tuple[int, int], set[int]] = {}
    for reading in recording.readings:
        by_round.setdefault((reading.replicate, reading.round), set()).add(reading.group)
    assert all(len(groups) == 1 for groups in by_round.values())
    assert len(set.union(*by_round.values())) > 1


def test_a_crash_costs_only_the_arm_that_crashed() -> None:
    script = replace(SCRIPT, arms={**SCRIPT.arms, "int8": replace(FAST, fails_in=2)})
    recording = run(plan("fp32", "int8", "int8+fused"), ScriptedStage(script))
    (failure,) = recording.failures
    assert (failure.arm, failure.replicate, failure.reason) == ("int8", 2, "killed by SIGSEGV")
    turns = Counter(reading.arm for reading in recording.readings)
    assert turns["int8"] == 12
    assert turns["fp32"] == turns["int8+fused"] == 24


def test_a_run_without_a_living_arm_ends_as_failed() -> None:
    script = Script(arms={"fp32": ArmScript(fails_in=0)})
    ended = run(plan("fp32"), ScriptedStage(script)).ended
    assert isinstance(ended, Ended)
    assert ended.why is Ending.FAILED


class _Interrupting(ScriptedStage):
    """Ctrl-C in the second replicate."""

    def turn(self, arm: Arm, order: Turn) -> Fact:
        fact = super().turn(arm, order)
        if isinstance(fact, Reading) and fact.replicate == 1 and order.round == 2:
            raise KeyboardInterrupt
        return fact


def test_ctrl_c_keeps_what_was_recorded_and_says_so() -> None:
    recording = run(plan("fp32", "int8"), _Interrupting(SCRIPT))
    assert isinstance(recording.ended, Ended)
    assert recording.ended.why is Ending.INTERRUPTED
    assert len(recording.readings) == 6 * 3 + 2 * 3


class _Stopping(ScriptedStage):
    """Notes how a run begins and how its replicates end."""

    def __init__(self, turn: Callable[[ScriptedStage, Arm, Turn], Fact] = ScriptedStage.turn) -> None:
        super().__init__(SCRIPT)
        self.begun: list[float | None] = []
        self.stopped_at_once: list[bool] = []
        self._in_turn = turn

    def begin(self, budget_s: float | None) -> None:
        self.begun.append(budget_s)

    def turn(self, arm: Arm, order: Turn) -> Fact:
        return self._in_turn(self, arm, order)

    def stop(self, *, at_once: bool = False) -> list[Fact]:
        self.stopped_at_once.append(at_once)
        return super().stop(at_once=at_once)


def _interrupt(_: ScriptedStage, arm: Arm, order: Turn) -> Fact:
    raise KeyboardInterrupt


def _break(_: ScriptedStage, arm: Arm, order: Turn) -> Fact:
    raise OSError("no room")


def test_only_a_run_that_is_cut_short_stops_its_arms_at_once() -> None:
    complete, interrupted, broken = _Stopping(), _Stopping(_interrupt), _Stopping(_break)
    run(plan("fp32", "int8"), complete)
    run(plan("fp32", "int8"), interrupted)
    with pytest.raises(OSError, match="no room"):
        run(plan("fp32", "int8"), broken)
    assert set(complete.stopped_at_once) == {False}
    assert interrupted.stopped_at_once == broken.stopped_at_once == [True]


def test_the_stage_is_given_the_budget_of_the_run() -> None:
    stage = _Stopping()
    run(plan("fp32", schedule=Schedule(replicates=1, budget_s=60.0)), stage)
    assert stage.begun == [60.0]


def test_the_budget_ends_a_run_that_its_schedule_would_not() -> None:
    schedule = Schedule(replicates=50, rounds=10, budget_s=60.0)
    recording = run(plan("fp32", "int8", schedule=schedule), ScriptedStage(SCRIPT))
    assert isinstance(recording.ended, Ended)
    assert recording.ended.why is Ending.BUDGET
    assert recording.ended.elapsed_s < 60 + 5  # one replicate's start more at most


@pytest.mark.parametrize("budget_s", [20.0, 40.0, 100.0, 300.0])
def test_a_budget_is_filled_and_kept(budget_s: float) -> None:
    schedule = Schedule(replicates=200, budget_s=budget_s)
    recording = run(plan("fp32", "int8", schedule=schedule), ScriptedStage(SCRIPT))
    assert isinstance(recording.ended, Ended)
    assert 0.85 * budget_s < recording.ended.elapsed_s <= budget_s
    assert len({reading.replicate for reading in recording.readings}) >= 2


def with_arm(what: Plan, arm: Arm) -> Plan:
    return what if arm in what.arms else replace(what, arms=(*what.arms, arm))


def test_arms_asked_for_after_the_first_replicate_join_the_same_rounds() -> None:
    def adapt(recording: Recording) -> Plan:
        return with_arm(recording.plan, Arm.of("int8+fused"))

    recording = run(plan("fp32", "int8"), ScriptedStage(SCRIPT), advise_by(adapt))
    joined = {reading.replicate for reading in recording.readings if reading.arm == "int8+fused"}
    assert joined == {1, 2, 3}
    assert [arm.name for arm in recording.plan.arms][-1] == "int8+fused"


def test_a_run_that_is_precise_enough_stops() -> None:
    schedule = Schedule(replicates=50, rounds=2, precision=0.02, budget_s=1000.0)
    recording = run(plan("fp32", "int8", schedule=schedule), ScriptedStage(SCRIPT))
    assert isinstance(recording.ended, Ended)
    assert recording.ended.why is Ending.PRECISION
    assert max(reading.replicate for reading in recording.readings) == 5  # six are the fewest


class _Unknown(ScriptedStage):
    """An unknown model."""

    def prepare(self, arms: tuple[Arm, ...]):  # type: ignore[no-untyped-def]  # a generator of one fact
        yield Failure(arm=arms[0].name, replicate=-1, stage="input", reason="there is no model 'x'", hint="y")


def test_bad_input_stops_the_run_before_it_measures() -> None:
    with pytest.raises(BadInput, match="there is no model 'x'"):
        run(plan("fp32"), _Unknown(SCRIPT))


class NoneStarts(ScriptedStage):
    """No arm can be loaded."""

    def start(
        self, replicate: int, arms: tuple[Arm, ...], models: dict[str, PreparedModel], warm_up: WarmUp
    ) -> Iterator[Fact]:
        for arm in arms:
            yield Failure(arm=arm.name, replicate=replicate, stage="start", reason="cannot be loaded")


@pytest.mark.parametrize("schedule", [Schedule(replicates=3), Schedule(replicates=3, inferences=60)])
def test_a_run_in_which_no_arm_starts_ends_as_failed(schedule: Schedule) -> None:
    recording = run(plan("fp32", "int8", schedule=schedule), NoneStarts(SCRIPT))
    assert isinstance(recording.ended, Ended)
    assert recording.ended.why is Ending.FAILED
    assert len(recording.failures) == 3
    assert not recording.readings


class _OneDamaged(ScriptedStage):
    """The arm with a file of its own cannot be opened."""

    def prepare(self, arms: tuple[Arm, ...]):  # type: ignore[no-untyped-def]  # a generator of facts
        for arm in arms:
            if arm.factory == "bad.onnx":
                yield Failure(arm=arm.name, replicate=-1, stage="input", reason="bad.onnx is damaged", hint="y")
            else:
                yield from super().prepare((arm,))


def test_a_damaged_file_of_one_arm_costs_only_that_arm() -> None:
    own = Arm(name="int8", variant=Arm.of("int8").variant, factory="bad.onnx")
    arms = (Arm.of("fp32"), own)
    what = Plan(model="scripted", arms=arms, schedule=Schedule(replicates=2, rounds=3, inferences=30))
    recording = run(what, _OneDamaged(SCRIPT))
    assert [failure.reason for failure in recording.failures] == ["bad.onnx is damaged"]
    assert {reading.arm for reading in recording.readings} == {"fp32"}


def test_a_damaged_file_that_is_all_there_is_stops_the_run() -> None:
    own = Arm(name="int8", variant=Arm.of("int8").variant, factory="bad.onnx")
    what = Plan(model="scripted", arms=(own, own.again()), schedule=Schedule(replicates=2, rounds=3, inferences=30))
    with pytest.raises(BadInput, match=r"bad\.onnx is damaged"):
        run(what, _OneDamaged(SCRIPT))


class _OnePointBad(ScriptedStage):
    """No model can be made at batch 16."""

    def prepare(self, arms: tuple[Arm, ...]):  # type: ignore[no-untyped-def]  # a generator of facts
        for arm in arms:
            if arm.point.batch(1) == 16:
                yield Failure(arm=arm.name, replicate=-1, stage="input", reason="a batch changes nothing", hint="y")
            else:
                yield from super().prepare((arm,))


def varied(*batches: int) -> Plan:
    points = [Point(settings=(("batch", str(batch)),)) for batch in batches]
    arms = tuple(Arm.of(name).at(point) for point in points for name in ("fp32", "int8"))
    return Plan(model="scripted", arms=arms, schedule=Schedule(replicates=2, rounds=3, inferences=30))


def test_a_point_that_cannot_be_made_costs_only_that_point() -> None:
    arms = {f"{name} batch={batch}": SCRIPT.arms[name] for name in ("fp32", "int8") for batch in (1, 4)}
    recording = run(varied(1, 4, 16), _OnePointBad(replace(SCRIPT, arms=arms)))
    assert {reading.arm for reading in recording.readings} == set(arms)


def test_a_run_of_which_one_point_is_left_stops_before_it_measures() -> None:
    with pytest.raises(BadInput, match="a batch changes nothing"):
        run(varied(1, 16), _OnePointBad(SCRIPT))


class NotesStarts(ScriptedStage):
    """Keeps the order in which arms were started."""

    def __init__(self, script: Script) -> None:
        super().__init__(script)
        self.orders: list[tuple[str, ...]] = []

    def start(
        self, replicate: int, arms: tuple[Arm, ...], models: dict[str, PreparedModel], warm_up: WarmUp
    ) -> Iterator[Fact]:
        self.orders.append(tuple(arm.name for arm in arms))
        return super().start(replicate, arms, models, warm_up)


def test_every_arm_is_started_in_every_place_equally_often() -> None:
    stage = NotesStarts(SCRIPT)
    run(plan("fp32", "int8", schedule=Schedule(replicates=6, rounds=2, inferences=60)), stage)
    places = Counter((name, place) for order in stage.orders for place, name in enumerate(order))
    assert len(places) == 9
    assert set(places.values()) == {2}


class _Listening(Unwatched):
    """Keeps its messages."""

    def __init__(self) -> None:
        self.done: list[float] = []

    def progressed(self, done: float, doing: str) -> None:
        self.done.append(done)


@pytest.mark.parametrize("schedule", [Schedule(replicates=3, rounds=4, inferences=60), Schedule(budget_s=60.0)])
def test_a_run_is_never_said_to_be_less_far_than_before(schedule: Schedule) -> None:
    listening = _Listening()
    record(plan("fp32", "int8", schedule=schedule), ScriptedStage(SCRIPT), Kept(), watcher=listening, advice=advise())
    assert listening.done == sorted(listening.done)
    assert 0.0 <= listening.done[0] <= listening.done[-1] <= 1.0


class _SlowNothing(ScriptedStage):
    """Empty turns take a second each, and so does whatever calls `wait`."""

    def wait(self) -> None:
        self._now_s += 1.0

    def measure_nothing(self, arm: Arm) -> list[Fact]:
        self._now_s += 1.0
        return []


def test_empty_turns_are_no_part_of_counting() -> None:
    seen: list[Situation] = []
    settled = advise()

    def next_replicate(situation: Situation) -> NextReplicate:
        seen.append(situation)
        return settled.next_replicate(situation)

    run(plan("fp32", "int8"), _SlowNothing(SCRIPT), Advice(next_replicate=next_replicate, dimension=settled.dimension))
    first = seen[1].spent[0]
    readings = [fact for fact in seen[1].facts if isinstance(fact, Reading) and fact.replicate == 0]
    turns_s = sum(reading.wall_ns for reading in readings) / 1e9
    assert first.counting_s == pytest.approx(turns_s)
    assert first.answers_s + first.layers_s + first.code_s + first.stopping_s == pytest.approx(0.0)


def test_ceilings_are_measured_behind_the_second_replicate_when_there_is_an_interval_already() -> None:
    stage, kept = ScriptedStage(SCRIPT), Kept()
    record(replace(plan("fp32", "int8"), ceilings=True), stage, kept, watcher=Unwatched(), advice=advise())
    (at,) = [place for place, fact in enumerate(kept) if isinstance(fact, Ceilings)]
    before = {fact.replicate for fact in kept[:at] if isinstance(fact, Reading)}
    assert before == {0, 1}


def test_ceilings_of_a_run_of_one_replicate_without_a_budget_are_measured_at_its_end() -> None:
    what = replace(plan("fp32", "int8"), ceilings=True, schedule=Schedule(replicates=1, rounds=2, budget_s=None))
    kept = run_script(what, SCRIPT)
    assert any(isinstance(fact, Ceilings) for fact in kept)


class _Unhurried(ScriptedStage):
    """Measures ceilings in four virtual seconds."""

    def measure_ceilings(self, machine: Machine, threads: int) -> Ceilings:
        self._now_s += 4
        return super().measure_ceilings(machine, threads)


@pytest.mark.parametrize(("budget_s", "numbers"), [(None, [1, 2, 4]), (72.0, [1, 2, 4]), (60.0, [1, 2]), (30.0, [1])])
def test_ceilings_are_measured_by_the_threads_of_each_arm_in_a_phase_for_a_sixth_of_the_budget(
    budget_s: float | None, numbers: list[int]
) -> None:
    names = ["fp32+phase=decode:8", "fp32+phase=decode:8+threads=2", "fp32+phase=decode:8+threads=4", "fp32+threads=3"]
    arms = tuple(map(Arm.of, names))
    script = Script(arms={arm.name: ArmScript() for arm in arms})
    what = replace(plan("fp32"), arms=with_control(arms), ceilings=True, schedule=Schedule(budget_s=budget_s))
    kept = Kept()
    record(what, _Unhurried(script), kept, watcher=Unwatched(), advice=advise())
    assert [fact.threads for fact in kept if isinstance(fact, Ceilings)] == numbers


def test_deciding_how_much_is_measured_does_not_count_as_time_between_turns() -> None:
    stage, seen = _SlowNothing(SCRIPT), list[Situation]()
    usual = advise()

    def slow(situation: Situation) -> Dimension:
        stage.wait()
        return usual.dimension(situation)

    def next_replicate(situation: Situation) -> NextReplicate:
        seen.append(situation)
        return usual.next_replicate(situation)

    run(plan("fp32", "int8"), stage, Advice(next_replicate=next_replicate, dimension=slow))
    inside_s = sum(one.wall_ns for one in seen[-1].facts if isinstance(one, Reading) and one.replicate == 0) / 1e9
    assert seen[-1].spent[0].counting_s == pytest.approx(inside_s)
