"""Arms of one program that differ in a level: the comparison is the experiment; two programs are none."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.arm import Arm
from ironlaw.causes import CAUSES
from ironlaw.estimate import Estimate
from ironlaw.explanation import ITSELF, Outcome
from ironlaw.factors.weights import ALIASABLE
from ironlaw.measure.scripted import ArmScript, Burden, Script
from ironlaw.missing import is_known

from ...scripted import QUARTER, QUIET, SOUND, burdened, confirmed, explained, own, recorded

LEVEL = ("malloc", "retain")
WEIGHTS = Burden(factor="weights", level="aliased", stall_cycles=QUARTER)
SLUG = next(slug for slug, cause in CAUSES.items() if LEVEL[0] in cause.factors)


def of_levels(*, same: bool) -> tuple[Arm, Arm]:
    first = own("a")
    other = replace(first, name="b", variant=first.variant.with_level(*LEVEL))
    return first, other if same else replace(other, factory="b.py:build")


def found(*, same: bool) -> set[str]:
    law: ArmScript = burdened(Burden(factor=LEVEL[0], level=LEVEL[1], kernel_instructions=25e6, page_faults=3000.0))
    explanation = explained(of_levels(same=same), Script(arms={"a": law, "b": law}, turn_noise=0.002))
    return confirmed(explanation.comparisons[0])


def test_a_level_of_the_same_program_is_confirmed_by_the_comparison_itself() -> None:
    assert SLUG in found(same=True)


def test_levels_of_two_programs_prove_nothing() -> None:
    assert SLUG not in found(same=False)


def test_of_a_level_that_works_through_another_cause_the_rest_is_its_share_and_nothing_is_unexplained() -> None:
    """What is left with the other cause removed is the level's: the arms differ in nothing else."""
    widening = Burden(factor="accuracy-level", level="4", user_instructions=QUARTER, census={"widening_operators": 4.0})
    sizes = {ALIASABLE: 10e6}
    first = own("a")
    second = replace(first, name="b", variant=first.variant.with_level("accuracy-level", "4"))
    law = replace(SOUND, size_bytes=10_000_000, census={**SOUND.census, **sizes})
    laws = {"a": burdened(widening, WEIGHTS, law=law), "b": burdened(widening, law=replace(law, size_bytes=5_000_000))}
    (comparison,) = explained((first, second), Script(arms=laws, turn_noise=QUIET)).comparisons
    assert confirmed(comparison) == {"weight-traffic", "weight-decompression"}
    shares = {one.cause: one.share for one in comparison.causes if one.outcome is Outcome.CONFIRMED}
    assert sum(share.value for share in shares.values() if isinstance(share, Estimate)) == pytest.approx(1.0, abs=0.02)
    assert isinstance(share := shares["weight-decompression"], Estimate)
    assert share.value == pytest.approx(math.log(1.25) / math.log(1.5), abs=0.03)
    assert comparison.unexplained == comparison.unexplained_share == ITSELF
    (note,) = [one.reason for one in comparison.causes if one.cause == "weight-decompression" and is_known(one.share)]
    assert "the arms differ in accuracy-level alone" in note


# Page faults that keeping memory does not take away, and weights that only the slower program has.
FAULTING = replace(SOUND, page_faults=60.0)


def kept(name: str) -> Arm:
    arm = own(name)
    return replace(arm, variant=arm.variant.with_level(*LEVEL))


@pytest.mark.parametrize(
    "arms", [(kept("a"), kept("b")), (own("a"), kept("b")), (kept("a"), own("b"))], ids=["both", "changed", "control"]
)
def test_a_confounder_that_an_arm_removes_itself_is_not_removed_again(arms: tuple[Arm, Arm]) -> None:
    """Else it would run twice, and nothing would face what the other arm runs with."""
    narrow = replace(FAULTING, size_bytes=FAULTING.size_bytes // 2)
    script = Script(arms={"a": burdened(WEIGHTS, law=FAULTING), "b": narrow}, turn_noise=QUIET)
    recording = recorded(arms, script)
    (comparison,) = explain(recording).comparisons
    assert "weight-traffic" in confirmed(comparison)
    serving = [(arm.factory, arm.variant) for arm in recording.plan.arms if arm.serves]
    assert len(set(serving)) == len(serving)
    assert not {(arm.factory, arm.variant) for arm in arms} & set(serving)
