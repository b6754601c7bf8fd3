"""What was noticed beside the readings: the doubt that it casts, by hand; and that older recordings keep theirs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.analysis.concerns.circumstances import circumstance_doubts, is_trained
from ironlaw.circumstance import (
    AssumedArchitecture,
    Circumstance,
    GivenExamples,
    LeftRunning,
    QuantizableVariant,
    RandomNumbers,
    RandomTokens,
    ShortBudget,
    Supplement,
    UntrainedWeights,
)
from ironlaw.concern import Concern, Weight
from ironlaw.fact import Header
from ironlaw.missing import Missing
from ironlaw.recording import assemble

HEADER = Header(schema=1, ironlaw="0", started_utc="")
LEFT = LeftRunning(arm="", beside=("a", "b"), commands=("sleep 9",))


def doubts(*facts: Circumstance | Concern) -> list[Concern]:
    return list(circumstance_doubts(assemble([HEADER, *facts])))


@pytest.mark.parametrize(
    ("fact", "slug", "said"),
    [
        (UntrainedWeights(reason="offline"), "untrained-weights", "speed is valid, agreement is not (offline)"),
        (AssumedArchitecture(source="x/y", configuration="C"), "assumed-architecture", "this is C() with its defaults"),
        (
            QuantizableVariant(name="net", agreed=2, compared=3, sqnr_db=14.6),
            "quantizable-variant",
            "on 2 of 3 photographs (SQNR 15 dB)",
        ),
        (RandomTokens(source="x/y", reason="no vocabulary"), "random-inputs", "random tokens (no vocabulary)"),
        (RandomNumbers(source="x.onnx"), "random-inputs", "x.onnx is run on seeded random numbers"),
        (GivenExamples(count=1), "few-examples", "gave 1 input:"),
        (GivenExamples(count=7), "few-examples", "gave 7 inputs:"),
        (LEFT, "left-running", "one of a, b left processes running when it ended, and they were ended: sleep 9"),
        (replace(LEFT, arm="a", beside=()), "left-running", "a left processes running"),
        (
            ShortBudget(budget_s=20.0, left_s=1.4, left_out=(Supplement.LAYERS, Supplement.ANSWERS)),
            "short-budget",
            "20 s leaves 1 s after preparing and starting: layers are not read and answers are not compared",
        ),
    ],
)
def test_each_circumstance_casts_one_doubt(fact: Circumstance, slug: str, said: str) -> None:
    (doubt,) = doubts(fact)
    assert doubt.slug == slug
    assert said in doubt.text
    assert doubt.weight is (Weight.DOUBTS if slug == "assumed-architecture" else Weight.NOTES)


def test_enough_examples_are_no_doubt() -> None:
    assert doubts(GivenExamples(count=8)) == []


def test_a_ratio_that_is_no_number_is_given_by_its_reason() -> None:
    (doubt,) = doubts(QuantizableVariant(name="net", agreed=0, compared=3, sqnr_db=Missing("an output is zero")))
    assert "(an output is zero)" in doubt.text


def test_a_short_budget_is_answered_with_twice_as_much() -> None:
    (doubt,) = doubts(ShortBudget(budget_s=22.0, left_s=0.0, left_out=(Supplement.CODE,)))
    assert doubt.fix == "--budget 50"


def test_a_model_that_is_opened_for_each_arm_casts_its_doubt_once() -> None:
    assert len(doubts(RandomNumbers(source="x.onnx"), RandomNumbers(source="x.onnx"))) == 1


def test_doubts_that_older_versions_recorded_are_kept_and_hold() -> None:
    recorded = Concern(slug="untrained-weights", text="as it was", fix="")
    assert doubts(recorded) == [recorded]
    assert not is_trained(assemble([HEADER, recorded]))
    assert not is_trained(assemble([HEADER, UntrainedWeights(reason="offline")]))
    assert is_trained(assemble([HEADER, RandomNumbers(source="x.onnx")]))


@pytest.mark.parametrize(
    ("cache", "fix"),
    [
        ("Hugging Face's cache", "run once with a network, or put the checkpoint into Hugging Face's cache"),
        ("", "write a file.py:factory that loads trained weights"),
    ],
)
def test_untrained_weights_are_looked_for_where_the_library_of_the_model_has_them(cache: str, fix: str) -> None:
    (doubt,) = doubts(UntrainedWeights(reason="offline", cache=cache))
    assert doubt.fix == fix
