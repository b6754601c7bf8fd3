"""Successive halving: what is retired, what is left, and what is judged."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.verdicts.search import Standing, beats, candidates, retirable, variations
from ironlaw.arm import Arm
from ironlaw.explanation import Design, Outcome
from ironlaw.measure.scripted import ArmScript, Script
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.recording import Recording, assemble
from ironlaw.running.advice import advise_by
from tests.scripted import run_script

NAMES = [arm.name for arm in candidates(["eager", "onnxruntime", "openvino"])]
# fp32 first and slowest; each further arm is 10 % faster than the one before it.
SCRIPT = Script(
    arms={name: ArmScript(user_instructions=4e8 * 0.9**place, answer_noise=0.0) for place, name in enumerate(NAMES)}
)


def searched(replicates: int = 8) -> Recording:
    def adapt(recording: Recording) -> Plan:
        return replace(recording.plan, retired=(*recording.plan.retired, *retirable(recording)))

    plan = Plan(
        model="scripted",
        arms=with_control(tuple(Arm.of(name) for name in NAMES)),
        schedule=Schedule(replicates=replicates, rounds=4, inferences=replicates * 40, budget_s=None),
    )
    return assemble(run_script(plan, SCRIPT, advise_by(adapt)))


def test_candidates_are_only_of_engines_that_are_there_and_begin_with_the_control() -> None:
    assert NAMES[0] == "fp32"
    assert not any("compiled" in name for name in NAMES)


def test_the_slower_half_is_retired_until_four_are_left_and_the_control_stays() -> None:
    recording = searched()
    left = [arm.name for arm in recording.plan.asked() if arm.name not in recording.plan.retired]
    assert left == ["fp32", "int8", *NAMES[-4:]]  # int8: see below
    last = {reading.arm for reading in recording.readings if reading.replicate == 7}
    assert last == {*left, "fp32 (again)"}


def test_the_arms_that_separate_the_leaders_engine_from_its_precision_are_kept() -> None:
    recording = searched()
    assert {"int8", "fp32@openvino"}.isdisjoint(recording.plan.retired)
    leader = next(one for one in explain(recording).comparisons if one.changed == "int8@openvino")
    engine = next(verdict for verdict in leader.causes if verdict.cause == "engine")
    assert engine.outcome is Outcome.CONFIRMED
    assert engine.design is Design.FACTORIAL


def test_a_retired_arm_took_no_turn_after_its_retirement() -> None:
    recording = searched()
    second = {reading.arm for reading in recording.readings if reading.replicate == 1}
    assert NAMES[1] not in second
    assert NAMES[-1] in second


def test_the_front_holds_the_fastest_arm_and_no_retired_one() -> None:
    recording = searched()
    found = explain(recording).front
    assert found[0].arm == NAMES[-1]
    assert not {point.arm for point in found} & set(recording.plan.retired)


def test_without_a_search_there_is_no_front() -> None:
    plan = Plan(
        model="scripted", arms=(Arm.of("fp32"), Arm.of("bf16")), schedule=Schedule(replicates=2, rounds=2, inferences=8)
    )
    kept = run_script(plan, SCRIPT)
    assert explain(assemble(kept)).front == ()


def standing(ln_wall: float, size: int, agreement: float | None) -> Standing:
    return Standing(name="x", ln_wall=ln_wall, size_bytes=size, agreement=agreement)


def test_what_is_smaller_is_not_beaten_by_what_is_faster() -> None:
    assert beats(standing(1.0, 10, 1.0), standing(2.0, 10, 1.0))
    assert not beats(standing(1.0, 20, 1.0), standing(2.0, 10, 1.0))
    assert not beats(standing(1.0, 10, 0.5), standing(2.0, 10, 1.0))
    assert not beats(standing(1.0, 10, 1.0), standing(1.0, 10, 1.0))


def test_the_best_arms_are_varied_by_what_their_engine_takes() -> None:
    names = [arm.name for arm in variations(searched(), cpus=2)]
    assert names
    assert all("@openvino" in name for name in names)
    assert all(name.endswith("+threads=2") for name in names)
