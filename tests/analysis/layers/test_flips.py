"""Flips: the plan they are measured by, and what they are worth, from arms with stated laws."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.layers.flips import blocks_to_flip, flip_plan, flips, is_of_flips
from ironlaw.arm import Arm
from ironlaw.errors import BadInput
from ironlaw.measure.scripted import ArmScript, Script
from ironlaw.missing import Missing
from ironlaw.plan import Plan, Schedule
from ironlaw.recording import Recording, assemble
from tests.analysis.scripted_layers import recorded
from tests.scripted import run_script

SOURCE = Plan(
    model="scripted", arms=(Arm.of("fp32"), Arm.of("int8+fused"), Arm.of("int8@onnxruntime")), schedule=Schedule()
)
# At 3 GHz and one cycle an instruction, 30e6 are 10 ms. Blocks a and b save 3 and 2 ms alone; together with all
# others 6 ms, of which leaving a in float loses 4 and leaving b in float 2.
MS = {"none": 10.0, "only:a": 7.0, "only:b": 8.0, "all": 4.0, "but:a": 8.0, "but:b": 6.0}


def flipped(**script: float) -> Recording:
    plan = flip_plan(SOURCE, "int8+fused", ("a", "b"), Schedule(replicates=4, rounds=4))
    laws = {arm.name: ArmScript(user_instructions=MS[arm.variant.level("int8-blocks")] * 3e6) for arm in plan.asked()}
    stated = Script(arms=laws, pmu=False, **script)  # type: ignore[arg-type]  # only floats are given
    return assemble(run_script(plan, stated))


def value(estimate: object) -> float:
    assert not isinstance(estimate, Missing)
    return float(estimate.value)  # type: ignore[attr-defined]  # an Estimate


def test_a_plan_flips_each_block_both_ways_beside_its_references() -> None:
    plan = flip_plan(SOURCE, "int8+fused", ("features.3",), Schedule())
    assert [arm.name for arm in plan.asked()] == [
        "int8+fused+int8-blocks=none",
        "int8+fused+int8-blocks=all",
        "int8+fused+int8-blocks=only:features.3",
        "int8+fused+int8-blocks=but:features.3",
    ]
    assert plan.arms[-1].repeats == plan.arms[0].name
    assert is_of_flips(plan)
    assert not is_of_flips(SOURCE)


def test_each_flip_is_worth_what_its_law_says() -> None:
    found = flips(flipped(turn_noise=0.0, shared_spread=0.0))
    worth = {row.block: (value(row.alone) / 1e6, value(row.left_float) / 1e6) for row in found.rows}
    assert worth["a"] == pytest.approx((3.0, 4.0), rel=1e-4)
    assert worth["b"] == pytest.approx((2.0, 2.0), rel=1e-4)
    assert value(found.whole) / 1e6 == pytest.approx(6.0, rel=1e-4)
    assert found.sum_alone == pytest.approx(5e6, rel=1e-4)
    assert found.sum_left_float == pytest.approx(6e6, rel=1e-4)


def test_flips_have_intervals_that_hold_the_law() -> None:
    (first, _) = flips(flipped(turn_noise=0.01, shared_spread=0.03, seed=3)).rows
    assert not isinstance(first.alone, Missing)
    assert first.alone.low < 3e6 < first.alone.high


def test_only_static_int8_in_eager_pytorch_can_be_flipped() -> None:
    for arm in ("fp32", "int8@onnxruntime"):
        with pytest.raises(BadInput, match="cannot be flipped"):
            flip_plan(SOURCE, arm, ("a",), Schedule())


def test_blocks_without_multiplications_are_not_flipped() -> None:
    ledger = explain(recorded(), changed="int8").comparisons[0].ledger
    assert not isinstance(ledger, Missing)
    assert set(blocks_to_flip(ledger, depth=1, most=9)) == {"conv", "fc"}
    assert blocks_to_flip(ledger, depth=1, most=1) == ("conv",)
    assert blocks_to_flip(replace(ledger, rows=ledger.rows[-2:]), depth=1, most=9) == ()


def test_float_is_no_news_in_an_arm_that_was_made_to_hold_it() -> None:
    recording = flipped()
    mixed: dict[str, float | Missing] = {"int8_operators": 4.0, "operators": 60.0, "float_share": 0.9}
    censuses = tuple(replace(one, counts=mixed) for one in recording.censuses)
    reported = flips(replace(recording, censuses=censuses)).concerns
    names = {one.arm for one in reported if one.slug == "precision-islands"}
    assert names == {"int8+fused+int8-blocks=all"}


def test_flips_miss_no_counter_that_none_of_their_numbers_needs() -> None:
    recording = flipped()
    (control, *_) = recording.plan.asked()
    assert "lost-counter" in {one.slug for one in explain(recording, control=control.name).concerns}
    assert "lost-counter" not in {one.slug for one in flips(recording).concerns}
