"""Arms that leave in float what was chosen by answers: they are judged on inputs held out from that choice."""

from __future__ import annotations

import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.verdicts.choose import WITHIN_S
from ironlaw.arm import Arm
from ironlaw.explanation import Explanation
from ironlaw.fact import Fact
from ironlaw.measure.scripted import ArmScript, Script
from ironlaw.missing import Missing, is_known
from ironlaw.plan import Plan, Replays, Schedule, with_control
from ironlaw.recording import Recording, assemble
from ironlaw.replay import Given, Replay, Use
from ironlaw.running.advice import advise
from tests.scripted import run_script

FLOAT, BF16, INT8 = "fp32@openvino", "bf16@openvino", "int8@openvino"
BY_NAME, BY_TOOL = f"{INT8}+float-nodes=a", f"{INT8}+nncf.accuracy-control=0.99"
RANGES = f"{INT8}+nncf.ranges=histogram"
OTHERWISE = 2.0  # noise of outputs that agree less than is requested


def ran(*arms: str, same: int = 256, answered: bool = True, noise: dict[str, float] | None = None) -> Recording:
    """A plain run; `same` of 256 held-out inputs have the float network's top class, where arms answered these."""
    given = {
        Use.CHOOSING: Given(inputs=64, signal=1.0, noise=0.01, same_top=64),
        Use.HELD_OUT: Given(inputs=256, signal=1.0, noise=0.01, same_top=same),
    }
    replays: dict[Replays, tuple[Fact, ...]] = {
        Replays(arm=arm, within_s=WITHIN_S, only_answers=True): (
            Replay(arm=arm, layers=Missing("not of layers"), only_answers=True, arm_itself=given),
        )
        for arm in arms
    }
    scripts = {FLOAT: 4e8, BF16: 2e8}
    script = Script(
        arms={
            arm: ArmScript(user_instructions=scripts.get(arm, 1e8), answer_noise=(noise or {}).get(arm, 0.0))
            for arm in arms
        },
        replays=replays if answered else {},
    )
    plan = Plan(
        model="scripted",
        arms=with_control(tuple(map(Arm.of, arms))),
        schedule=Schedule(replicates=6, rounds=4, inferences=240, budget_s=None),
    )
    return assemble(run_script(plan, script, advise()))


def asked(recording: Recording) -> set[str]:
    return {one.arm for one in recording.plan.replays}


def recommended(recording: Recording) -> str:
    found: Explanation = explain(recording)
    return found.recommendation.arm if is_known(found.recommendation) else ""


@pytest.mark.parametrize("arm", [BY_NAME, BY_TOOL])
def test_a_plain_run_compares_them_on_held_out_inputs(arm: str) -> None:
    found = ran(FLOAT, arm)
    assert asked(found) == {arm}
    assert recommended(found) == arm


@pytest.mark.parametrize("arm", [BY_NAME, BY_TOOL])
def test_one_that_agrees_less_there_is_not_recommended(arm: str) -> None:
    assert recommended(ran(FLOAT, arm, same=240)) == ""


@pytest.mark.parametrize("arm", [BY_NAME, BY_TOOL])
def test_without_such_answers_none_is_recommended(arm: str) -> None:
    assert recommended(ran(FLOAT, arm, answered=False)) == ""


def test_ranges_alone_are_not_chosen_by_answers_but_beside_such_an_arm_they_are() -> None:
    assert asked(ran(FLOAT, INT8, RANGES)) == set()
    assert recommended(ran(FLOAT, RANGES)) == RANGES
    assert asked(ran(FLOAT, INT8, RANGES, BY_TOOL)) == {RANGES, BY_TOOL}


def test_a_float_arm_that_answers_otherwise_is_not_what_int8_is_compared_with() -> None:
    [same] = explain(ran(FLOAT, BF16, BY_TOOL)).frontiers
    assert same.in_float == BF16
    [other] = explain(ran(FLOAT, BF16, BY_TOOL, noise={BF16: OTHERWISE})).frontiers
    assert other.in_float == FLOAT
