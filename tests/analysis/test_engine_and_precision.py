"""The engine did it, not the quantization: a stated law, and the verdict that must come out."""

from __future__ import annotations

import math
from functools import cache

import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.verdicts.planner import Wanted
from ironlaw.arm import Arm
from ironlaw.estimate import Estimate
from ironlaw.explanation import CauseVerdict, Comparison, Design, Outcome
from ironlaw.measure.scripted import ArmScript, Script
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.recording import Recording, assemble
from ironlaw.running.advice import advise_wanted
from tests import scripted
from tests.scripted import run_script

NAMES = ("fp32", "int8", "fp32@onnxruntime", "int8@onnxruntime")


@cache
def recorded(engine: float, precision: float, together: float) -> Recording:
    """fp32 against int8@onnxruntime, where each factor alone and both together divide the time by these."""
    factors = (1.0, precision, engine, together)
    laws = {
        name: ArmScript(user_instructions=4e7 / factor, kernel_instructions=0.0)
        for name, factor in zip(NAMES, factors, strict=True)
    }
    script = Script(arms=laws, turn_noise=0.002, shared_spread=0.01)

    arms = with_control((Arm.of("fp32"), Arm.of("int8@onnxruntime")))
    schedule = Schedule(replicates=8, rounds=6, inferences=8 * 60, budget_s=None)
    plan = Plan(model="scripted", arms=arms, schedule=schedule)
    return assemble(run_script(plan, script, advise_wanted(Wanted(causes=("engine",)))))


def explained(recording: Recording) -> tuple[Comparison, CauseVerdict]:
    (comparison,) = (one for one in explain(recording).comparisons if one.changed == "int8@onnxruntime")
    (verdict,) = (one for one in comparison.causes if one.cause == "engine")
    return comparison, verdict


def test_both_other_corners_are_run_without_being_asked_for() -> None:
    recording = recorded(3.0, 1.0, 3.0)
    assert {arm.name for arm in recording.plan.arms} == {*NAMES, "fp32 (again)"}
    assert [arm.name for arm in recording.plan.asked()] == ["fp32", "int8@onnxruntime"]


def test_no_corner_is_run_where_an_engine_does_not_offer_one() -> None:
    arms = Arm.of("bf16"), Arm.of("fp32@torchscript")
    script = Script(arms={arm.name: ArmScript() for arm in arms}, turn_noise=0.002)
    names = {arm.name for arm in scripted.recorded(arms, script).plan.arms}
    assert "fp32" not in names
    assert "bf16@torchscript" not in names


def test_all_of_the_gain_is_the_engines_where_precision_changes_nothing() -> None:
    comparison, verdict = explained(recorded(3.0, 1.0, 3.0))
    assert (verdict.outcome, verdict.design) == (Outcome.CONFIRMED, Design.FACTORIAL)
    assert isinstance(verdict.share, Estimate)
    assert verdict.share.value == pytest.approx(1.0, abs=0.02)
    (interaction,) = comparison.interaction.values()
    assert interaction.low <= 0.0 <= interaction.high or abs(interaction.value) < 0.01


def test_none_of_the_gain_is_the_engines_where_only_precision_counts() -> None:
    _, verdict = explained(recorded(1.0, 3.0, 3.0))
    assert verdict.outcome is Outcome.REFUTED


def test_what_they_do_together_beyond_each_alone_is_the_interaction() -> None:
    """2 x 2 = 4 without interaction; 8 together is ln 2 more, of which the engine's mean over orders has half."""
    comparison, verdict = explained(recorded(2.0, 2.0, 8.0))
    (interaction,) = comparison.interaction.values()
    assert abs(interaction.value) == pytest.approx(math.log(2), abs=0.02)
    assert isinstance(verdict.effect, Estimate)
    assert verdict.effect.value == pytest.approx(1.5 * math.log(2), abs=0.02)
