"""Arms of one program that differ in a level: the comparison is the experiment; two programs are none."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.arm import Arm
from ironlaw.causes import CAUSES
from ironlaw.measure.scripted import ArmScript, Burden, Script

from ...scripted import burdened, confirmed, explained, own

LEVEL = ("malloc", "retain")
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
