"""Arms that answer otherwise are marked, and never recommended."""

from __future__ import annotations

import pytest

from ironlaw.analysis.concerns.alike import agreement_of, answer_doubts, answers_alike
from ironlaw.explanation import ArmSummary
from ironlaw.missing import Maybe, Missing

NO_CLASSES = Missing("the outputs are not classes")


def row(top1: Maybe[float] = NO_CLASSES, cosine: Maybe[float] = NO_CLASSES, not_finite: int = 0) -> ArmSummary:
    gap = Missing("no turn")
    return ArmSummary(arm="int8", inferences=1, wall_ns=gap, top1_agreement=top1, cosine=cosine, not_finite=not_finite)


def slugs(one: ArmSummary, *, trained: bool = True) -> list[str]:
    return [concern.slug for concern in answer_doubts([one], {"int8"}, 0.99, trained=trained)]


def test_classes_decide_where_there_are_classes() -> None:
    assert agreement_of(row(top1=0.97, cosine=1.0)) == 0.97
    assert not answers_alike(row(top1=0.97, cosine=1.0), 0.99)
    assert answers_alike(row(top1=0.97), 0.97)


def test_the_direction_of_the_outputs_decides_where_there_are_none() -> None:
    assert answers_alike(row(cosine=0.995), 0.99)
    assert not answers_alike(row(cosine=0.9), 0.99)


def test_an_unknown_agreement_is_no_agreement() -> None:
    assert not answers_alike(row(), 0.0)


def test_an_output_that_is_no_number_never_agrees() -> None:
    assert not answers_alike(row(top1=1.0, not_finite=1), 0.0)
    assert slugs(row(top1=1.0, not_finite=3)) == ["not-finite"]


def test_answers_below_the_threshold_are_marked_unless_weights_are_untrained() -> None:
    assert slugs(row(top1=0.98)) == ["other-answers"]
    assert slugs(row(top1=0.98), trained=False) == []
    assert slugs(row(top1=0.99)) == []


@pytest.mark.parametrize("asked", [set(), {"fp32"}])
def test_arms_of_experiments_are_not_marked(asked: set[str]) -> None:
    assert list(answer_doubts([row(top1=0.1)], asked, 0.99, trained=True)) == []
