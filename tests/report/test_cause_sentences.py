"""Experiments on both sides in words: what the difference does without the cause."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.explanation import CONTRIBUTION, Comparison, Design, Difference
from ironlaw.missing import Missing
from ironlaw.report.verdicts import cause_sentence, opposes, shares_sentence

from . import explanations


@pytest.mark.parametrize(
    ("effect", "part", "word"),
    [
        (1.5, 0.4, "shrinks"),  # predicted, and part of the difference
        (1.5, -0.4, "grows"),  # predicted, and in the way of the difference
        (0.9, -0.1, "shrinks"),  # by less than 1: nothing is confirmed
        (0.9, 0.1, "grows"),
    ],
)
@pytest.mark.parametrize("is_faster", [True, False])
def test_without_a_cause_on_both_sides_a_difference_shrinks_or_grows(
    effect: float, part: float, word: str, is_faster: bool
) -> None:
    (comparison, *_) = explanations.without_pmu().comparisons
    ln_ratio = comparison.ln_ratio
    assert not isinstance(ln_ratio, Missing)
    assert ln_ratio.value > 0
    way = 1 if is_faster else -1
    whole = replace(comparison, ln_ratio=ln_ratio if is_faster else ln_ratio.negated())
    verdict = replace(
        explanations.PAGE_FAULTS,
        design=Design.BOTH_SIDES,
        others=("int8", "int8+malloc=retain"),
        effect=explanations.ln(effect),
        evidence={CONTRIBUTION: way * part},
    )
    assert f"the difference {word} by a factor of" in cause_sentence(verdict, whole)
    assert opposes(verdict, whole) is (part < 0)


def test_a_cause_of_unknown_size_opposes_nothing() -> None:
    (comparison, *_) = explanations.without_pmu().comparisons
    assert not opposes(explanations.PAGE_FAULTS, comparison)


def equally_fast(unexplained: float) -> Comparison:
    verdict = replace(explanations.PAGE_FAULTS, share=Missing("no difference is shown, so it has no share"))
    return replace(
        explanations.comparison("fp32", "int8", 1.0, causes=(verdict,)),
        difference=Difference.NONE_SHOWN,
        unexplained=explanations.ln(unexplained, half=0.02),
    )


def test_a_cause_that_is_confirmed_between_arms_of_equal_time_does_not_read_as_their_difference() -> None:
    said = shares_sentence(equally_fast(1 / 1.5))
    assert said.startswith("Confirmed, but offset by what is unexplained: page faults (a factor of 1.5")
    assert shares_sentence(equally_fast(1.0)) == ""
