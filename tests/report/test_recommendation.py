"""What is said of a search: which arms are shown at length, and those with blocks left in float."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from ironlaw.estimate import Estimate
from ironlaw.explanation import NOT_SEARCHED, FrontPoint, Mixed
from ironlaw.explanation.sensitivity import NOT_REPLAYED, Sensitivity
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.report.columns import asked_comparisons
from ironlaw.report.document import to_document
from ironlaw.report.html import render
from ironlaw.report.markdown import to_markdown
from ironlaw.report.recommendation import compared_in_full, mixed_sentences, untried_sentence
from ironlaw.report.terminal import show
from tests.report.explanations import with_pmu

MIXED = Mixed(
    arm="int8+int8-blocks=but:fc",
    blocks=("fc",),
    rival="int8",
    is_best=True,
    gain=Estimate(value=1.2, low=1.1, high=1.3),
)


def test_of_a_search_the_recommended_arm_is_reported_at_length_and_one_whose_cause_is_confirmed() -> None:
    whole = with_pmu()
    asked = asked_comparisons(whole)
    assert compared_in_full(whole, asked) == asked
    point = FrontPoint(
        arm="int8+fused", speedup=Estimate(value=2.7, low=2.6, high=2.8), size_bytes=Missing("-"), agreement=1.0
    )
    searched = replace(whole, front=(point,))
    assert is_known(searched.recommendation)
    chosen = next(one for one in asked if one.changed == searched.recommendation.arm)
    assert compared_in_full(searched, asked) == (chosen,)
    other = next(one for one in asked if one is not chosen)
    moved = (replace(chosen, causes=()), replace(other, causes=chosen.causes))
    assert compared_in_full(searched, moved) == moved


def said(mixed: Maybe[tuple[Mixed, ...]]) -> list[str]:
    return mixed_sentences(replace(with_pmu(), mixed=mixed))


def test_what_a_search_left_out_for_want_of_time_is_named() -> None:
    whole = with_pmu()
    assert is_known(whole.plan)
    one, two = (replace(whole, plan=replace(whole.plan, untried=names)) for names in (("a",), ("a", "b")))
    assert untried_sentence(whole) == ""
    assert untried_sentence(one) == "Not tried, since preparing it takes too much of the budget: a."
    assert untried_sentence(two) == "Not tried, since preparing them takes too much of the budget: a and b."
    assert to_document(two)["untried"] == ["a", "b"]
    assert to_document(whole)["untried"] == []
    assert untried_sentence(two) in render(two, None)
    assert untried_sentence(two) in to_markdown(two)
    printed = io.StringIO()
    show(two, Console(file=printed, width=80))
    assert untried_sentence(two) in printed.getvalue()


@pytest.mark.parametrize(
    ("gain", "begins"),
    [
        ((1.2, 1.1, 1.3), "int8+int8-blocks=but:fc beats int8, the fastest"),
        ((0.9, 0.8, 0.95), "int8+int8-blocks=but:fc loses to int8, the fastest"),
        ((1.02, 0.97, 1.07), "No difference shown between int8+int8-blocks=but:fc and int8, the fastest"),
    ],
)
def test_only_an_interval_that_excludes_no_difference_is_a_win_or_a_loss(
    gain: tuple[float, float, float], begins: str
) -> None:
    value, low, high = gain
    (sentence,) = said((replace(MIXED, gain=Estimate(value=value, low=low, high=high)),))
    assert sentence.startswith(begins)
    assert "1.0" in sentence or "1.2" in sentence or "0.9" in sentence


def test_a_gap_is_said_with_its_reason_and_without_a_search_nothing_is() -> None:
    assert said(NOT_SEARCHED) == []
    assert said(Missing("no single block makes int8 slower than fp32")) == [
        "None was tried: no single block makes int8 slower than fp32."
    ]
    (sentence,) = said((replace(MIXED, gain=Missing("one replicate")),))
    assert sentence.startswith("Not known whether")
    assert sentence.endswith(": one replicate.")


def test_the_document_holds_the_blocks_and_the_rival() -> None:
    (one,) = to_document(replace(with_pmu(), mixed=(MIXED,)))["mixed"]
    assert (one["blocks"], one["rival"], one["is_best"], one["gain"]["value"]) == (["fc"], "int8", True, 1.2)


def test_layers_that_could_not_be_replayed_are_named_with_the_reason() -> None:
    whole = Sensitivity(
        arm="int8",
        control="fp32",
        layers=(),
        whole={},
        arm_itself={},
        how="by hand",
        took_s=1.0,
        failed={"b": "no kernel"},
    )
    found: dict[str, Maybe[Sensitivity]] = {
        "int8": whole,
        "int8@openvino": Missing("out of memory"),
        "fp32": NOT_REPLAYED,
    }
    said = mixed_sentences(replace(with_pmu(), mixed=NOT_SEARCHED, left_in_float=(), frontiers=(), sensitivities=found))
    assert said == [
        "int8: Not replayed: b: no kernel.",
        "The layers of int8@openvino could not be replayed: out of memory.",
    ]
