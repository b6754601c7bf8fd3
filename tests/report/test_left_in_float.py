"""Sentences about layers left in float: cost and gain, held-out agreement, and the optimism of the choice."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.estimate import Estimate
from ironlaw.explanation.sensitivity import AnswerAgreement, LeftInFloat
from ironlaw.missing import Missing
from ironlaw.report.left_in_float import left_sentences, left_value


def agreeing(value: float, low: float, inputs: int) -> AnswerAgreement:
    return AnswerAgreement(
        inputs=inputs,
        agreement=Estimate(value=value, low=low, high=1.0),
        by_class=True,
        column=Missing("classes"),
        sqnr_db=30.0,
        lost=0.001,
    )


ONE = LeftInFloat(
    arm="int8@onnxruntime+float-nodes=conv0",
    layers=("stem",),
    nodes=("conv0",),
    base="int8@onnxruntime",
    in_float="fp32@onnxruntime",
    slowdown=Estimate(value=1.1, low=1.05, high=1.15),
    gain=Estimate(value=1.6, low=1.5, high=1.7),
    base_held_out=agreeing(0.9, 0.85, 256),
    chosen_by=agreeing(1.0, 0.94, 64),
    held_out=agreeing(0.992, 0.972, 256),
)


def test_it_says_what_is_left_what_that_costs_and_what_it_gains() -> None:
    first, times, answers = left_sentences(ONE)
    assert "leaves 1 layer in float" in first
    assert "stem" in first
    assert "1.10×" in times
    assert "1.60×" in times
    assert "256 inputs held out from the choice: 99.2\u00a0% [97.2, 100.0]" in answers


def test_why_layers_were_chosen_is_said_of_those_that_a_search_proposed() -> None:
    reason = "chosen by what they cost the answers"
    assert reason in left_sentences(ONE)[0]
    assert reason not in left_sentences(replace(ONE, is_proposed=False))[0]


def test_the_optimism_of_the_choice_is_in_points() -> None:
    assert "On the 64 that it was chosen by it agrees 0.8 points more" in left_sentences(ONE)[-1]


def test_few_inputs_are_said_to_make_a_wide_interval() -> None:
    assert "interval is wide" not in left_sentences(ONE)[-1]
    assert "interval is wide" in left_sentences(replace(ONE, held_out=agreeing(1.0, 0.7, 10)))[-1]


def test_what_was_not_compared_is_a_gap_with_its_reason() -> None:
    reason = Missing("its answers on further inputs were not compared")
    without = replace(ONE, held_out=reason, gain=Missing("one replicate"))
    assert reason.reason in left_sentences(without)[-1]
    assert left_value(without)["held_out"] == {"missing": reason.reason}
    assert left_value(without)["optimism"] == {"missing": reason.reason}
