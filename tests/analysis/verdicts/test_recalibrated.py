"""What a search tries on int8 arms that answer otherwise, besides layers in float: ranges found in other ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from ironlaw import leaving
from ironlaw.analysis.assemble import explain
from ironlaw.analysis.verdicts.choose import WITHIN_S, with_choices
from ironlaw.analysis.verdicts.search import adapted
from ironlaw.arm import Arm
from ironlaw.engines import ENGINES
from ironlaw.fact import Fact
from ironlaw.leaving import is_recalibrated, leaving_none, recalibrations
from ironlaw.measure.scripted import ArmScript, Script
from ironlaw.missing import Missing, is_known
from ironlaw.plan import Plan, Replays, Schedule, with_control
from ironlaw.recording import Recording, assemble
from ironlaw.replay import Given, Replay, Use
from ironlaw.running.advice import advise_by
from ironlaw.variant import PRECISION
from tests.scripted import run_script

FLOAT, INT8 = "fp32@onnxruntime", "int8@onnxruntime"
OTHERS = recalibrations(Arm.of(INT8))
CURED, SLOW = OTHERS[0].name, OTHERS[1].name
NOISE = 2.0  # of outputs that agree less than is requested


def searched(noise: Mapping[str, float], *, held_out: int = 256, slow: float = 1e8) -> Recording:
    """A search among two arms; `noise` is that of arms at other levels."""
    given = {
        Use.CHOOSING: Given(inputs=64, signal=1.0, noise=0.01, same_top=64),
        Use.HELD_OUT: Given(inputs=256, signal=1.0, noise=0.01, same_top=held_out),
    }
    replays: dict[Replays, tuple[Fact, ...]] = {}
    for arm in (INT8, CURED, SLOW):
        answered = Replay(arm=arm, layers=Missing("not of layers"), only_answers=True, arm_itself=given)
        for share in (1, 2, 3, 4):  # arms share the time
            replays[Replays(arm=arm, within_s=WITHIN_S / share, only_answers=True)] = (answered,)
    script = Script(
        arms={
            FLOAT: ArmScript(user_instructions=4e8),
            INT8: ArmScript(user_instructions=1e8, answer_noise=NOISE),
            **{arm.name: ArmScript(user_instructions=1e8, answer_noise=noise.get(arm.name, NOISE)) for arm in OTHERS},
            SLOW: ArmScript(user_instructions=slow, answer_noise=noise.get(SLOW, NOISE)),
        },
        replays=replays,
    )
    plan = Plan(
        model="scripted",
        arms=with_control((Arm.of(FLOAT), Arm.of(INT8))),
        schedule=Schedule(replicates=8, rounds=4, inferences=320, budget_s=None),
    )
    return assemble(run_script(plan, script, advise_by(lambda recording: adapted(recording, 1))))


def begun(recording: Recording, **changes: object) -> Recording:
    """The recording with the plan that it had before any arm was added."""
    arms = with_control((Arm.of(FLOAT), Arm.of(INT8)))
    plan = replace(recording.plan, arms=arms, replays=(), **changes)  # type: ignore[arg-type]  # a test names fields
    return replace(recording, plans=(plan,), replays=())


def added(recording: Recording) -> tuple[Arm, ...]:
    """The arms that the next step of a search adds."""
    plan = recording.plan
    return tuple(arm for arm in with_choices(recording, plan).arms if arm not in plan.arms)


def test_what_engines_declare_are_levels_that_they_read_in_that_precision() -> None:
    for name, declared in ENGINES.items():
        for precision, levels in declared.recalibrations.items():
            for factor, level in levels:
                if factor == PRECISION:
                    assert Arm.of(f"{level}@{name}")
                    continue
                assert factor in declared.reads(precision), (name, factor)
                assert Arm.of(f"{precision}@{name}+{factor}={level}")
        assert set(declared.longer) <= {one for levels in declared.recalibrations.values() for one in levels}
    assert {"onnxruntime", "openvino"} <= {name for name, one in ENGINES.items() if one.recalibrations}


def test_an_arm_that_answers_otherwise_is_tried_at_the_levels_of_its_engine_and_one_that_agrees_is_not() -> None:
    recording = searched({CURED: 0.0})
    assert {arm.name for arm in OTHERS} <= {arm.name for arm in recording.plan.asked()}
    assert added(begun(recording)) == OTHERS
    assert added(begun(recording, agreement=0.0)) == ()


def test_a_short_budget_tries_the_levels_that_help_most_often() -> None:
    recording = searched({CURED: 2 * NOISE})
    took = [replace(one.prepared, phases_ns={"calibrate": 4 * 10**9}) for one in recording.prepared]
    long = replace(
        recording, prepared=tuple(replace(one, prepared=p) for one, p in zip(recording.prepared, took, strict=True))
    )
    # 15 % of 55 s are two times 4 s.
    short = begun(long, schedule=replace(long.plan.schedule, budget_s=55.0))
    assert added(short) == OTHERS[:2]
    assert with_choices(short, short.plan).untried == tuple(one.name for one in OTHERS[2:])
    known = replace(short.plan, arms=(*short.plan.arms, OTHERS[0]))
    assert added(replace(short, plans=(known,))) == OTHERS[1:2]


def test_a_level_that_takes_several_times_as_long_is_left_out_where_it_does_not_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = ENGINES["onnxruntime"]
    declared = replace(engine, longer={engine.recalibrations["int8"][1]: 3.0})
    monkeypatch.setattr(leaving, "ENGINES", {**ENGINES, "onnxruntime": declared})
    recording = searched({CURED: 2 * NOISE})
    took = tuple(
        replace(one, prepared=replace(one.prepared, phases_ns={"calibrate": 4 * 10**9})) for one in recording.prepared
    )
    # 15 % of 80 s are 12 s: three arms of 4 s, or the second one alone.
    short = begun(replace(recording, prepared=took), schedule=replace(recording.plan.schedule, budget_s=80.0))
    assert added(short) == (OTHERS[0], *OTHERS[2:4])
    step = with_choices(short, short.plan)
    assert step.untried == (OTHERS[1].name, *(one.name for one in OTHERS[4:]))
    assert with_choices(replace(short, plans=(step,)), step).untried == step.untried
    second = replace(short.plan, arms=(*short.plan.arms, OTHERS[1]))
    assert added(replace(short, plans=(second,))) == ()


def test_an_arm_that_agrees_by_its_ranges_is_recommended_by_its_answers_on_held_out_inputs() -> None:
    found = explain(searched({CURED: 0.0}))
    assert is_known(found.recommendation)
    assert found.recommendation.arm == CURED
    [frontier] = found.frontiers
    assert CURED in {one.arm for one in frontier.reaching}


def test_one_that_agrees_less_on_held_out_inputs_is_not_recommended() -> None:
    found = explain(searched({CURED: 0.0}, held_out=240)).recommendation
    assert isinstance(found, Missing) or found.arm != CURED


def test_layers_are_left_in_the_arm_that_agrees_most_of_those_that_keep_half_of_the_gain() -> None:
    recording = searched({CURED: 1.0, SLOW: 0.5}, slow=3.9e8)
    asked = {one.arm for one in recording.plan.replays if not one.only_answers}
    assert asked == {CURED}


def test_no_layers_are_replayed_before_the_other_levels_had_a_turn() -> None:
    recording = searched({})
    first = replace(recording, readings=tuple(one for one in recording.readings if one.arm in (FLOAT, INT8)))
    plan = replace(recording.plan, replays=())
    assert not with_choices(replace(first, plans=(plan,)), plan).replays
    assert with_choices(replace(recording, plans=(plan,)), plan).replays


def test_an_arm_at_such_a_level_is_known_also_with_layers_left_in_float() -> None:
    mixed = Arm.of(f"{CURED}+float-nodes=a")
    assert is_recalibrated(mixed)
    assert leaving_none(mixed).name == CURED
    assert not is_recalibrated(Arm.of(INT8))


def test_an_arm_at_such_a_level_is_not_tried_at_two() -> None:
    recording = searched({OTHERS[1].name: 0.5})  # the one that agrees most, so that its layers are left in float
    levels = [one for arm in recording.plan.asked() for one in recalibrations(Arm.of(INT8)) if arm.name == one.name]
    assert {arm.name for arm in recording.plan.asked() if is_recalibrated(arm)} == {arm.name for arm in levels}
