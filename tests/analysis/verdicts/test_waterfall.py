"""The blog post's protocol: steps that multiply to its speed-up, start-up counted where a whole process is."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ironlaw import protocol
from ironlaw.analysis.assemble import explain
from ironlaw.analysis.turns import turns_of
from ironlaw.analysis.verdicts.scope import counted_in_scope
from ironlaw.arm import Arm
from ironlaw.explanation import WaterfallStep
from ironlaw.measure.scripted import ArmScript, Burden, Script
from ironlaw.missing import Missing
from tests.scripted import SOUND, explained, recorded

# 100e6 cycles are sound; each fault adds its own.
FAULTY = replace(
    SOUND,
    burdens=(
        Burden(factor="mode", level="train", is_brought=True, user_instructions=40e6),
        Burden(factor="grad", level="on", is_brought=True, user_instructions=10e6),
        Burden(factor="malloc", level="retain", user_instructions=50e6),
        Burden(factor="fusion", level="fused", user_instructions=5e6),
    ),
)
INT8 = replace(SOUND, user_instructions=30e6)
SCRIPT = Script(arms={"fp32": FAULTY, "int8": INT8, "int8+fused": INT8}, turn_noise=0.001, start_s=4.0)


def steps() -> dict[str, WaterfallStep]:
    return {step.name: step for step in explained(protocol.arms(), SCRIPT).waterfall}


def ln_of(step: WaterfallStep) -> float:
    assert not isinstance(step.ln, Missing)
    return step.ln.value


def test_the_steps_multiply_from_the_posts_speed_up_to_the_honest_one_and_on_to_one() -> None:
    found = steps()
    faults = sum(ln_of(found[step.cause]) for step in protocol.FAULTS)
    parts = sum(ln_of(found[step.cause]) for step in protocol.PARTS) + ln_of(found["precision"])
    assert ln_of(found["post"]) - faults == pytest.approx(ln_of(found["honest"]))
    assert ln_of(found["honest"]) == pytest.approx(parts)


def test_each_fault_has_the_part_it_was_given() -> None:
    found = steps()
    # 205e6 with all, 165e6 without train mode, 155e6 without autograd, 105e6 with the allocator held still.
    assert ln_of(found["train-mode"]) == pytest.approx(math.log(205 / 165), abs=0.01)
    assert ln_of(found["autograd"]) == pytest.approx(math.log(165 / 155), abs=0.01)
    assert ln_of(found["page-faults"]) == pytest.approx(math.log(155 / 105), abs=0.01)
    assert ln_of(found["constant-input"]) == pytest.approx(0.0, abs=0.01)


def test_without_the_protocols_arms_there_is_no_waterfall() -> None:
    arms = tuple(Arm.of(name) for name in ("fp32", "int8+fused"))
    assert explained(arms, SCRIPT).waterfall == ()


def test_counting_a_process_adds_its_start_over_the_inferences() -> None:
    plain = ArmScript(user_instructions=90e6)  # 30 ms
    arms = (Arm.of("fp32"), Arm.of("fp32+scope=process"))
    recording = recorded(arms, Script(arms={"fp32": plain}, turn_noise=0.0, shared_spread=0.0, start_s=4.0))
    tables = turns_of(recording)
    counted = counted_in_scope(recording, tables)
    assert (counted["fp32"].wall_ns == tables["fp32"].wall_ns).all()
    added_s = (counted["fp32+scope=process"].wall_ns - tables["fp32+scope=process"].wall_ns) / 1e9
    # 4 s of starting, 10 ms of loading, 13 x 30 ms of warming up, over 32 inferences.
    assert added_s == pytest.approx((4 + 0.01 + 0.39) / 32)
    assert explain(recording).comparisons[0].difference.value == "slower"
