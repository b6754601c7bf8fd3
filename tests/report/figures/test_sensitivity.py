"""The scatter of what each layer costs the answers in int8 over the time that int8 saves in it."""

from __future__ import annotations

import re

from ironlaw.explanation.sensitivity import AnswerAgreement, LayerAnswers, Sensitivity
from ironlaw.missing import Missing
from ironlaw.replay import Use
from ironlaw.report.figures.sensitivity import answers_over_time

NOT_COMPARED = Missing("not compared")


def layer(name: str, lost: float, gained_ns: float) -> LayerAnswers:
    agreement = AnswerAgreement(
        inputs=8, agreement=NOT_COMPARED, by_class=True, column=NOT_COMPARED, sqnr_db=NOT_COMPARED, lost=lost
    )
    return LayerAnswers(
        name=name,
        path=name,
        operator="Conv",
        nodes=(name,),
        own_sqnr_db=NOT_COMPARED,
        alone={Use.CHOOSING: agreement},
        left_float=NOT_COMPARED,
        gained_ns=gained_ns,
    )


def drawn(*layers: LayerAnswers) -> str:
    found = Sensitivity(arm="int8", control="fp32", layers=layers, whole={}, arm_itself={}, how="by hand", took_s=1.0)
    drawing = answers_over_time(found, name="answers")
    assert drawing is not None
    return drawing.svg


def test_the_axis_of_answers_lost_is_labelled_with_numbers() -> None:
    svg = drawn(layer("stem", 0.02, 1e6), layer("head", 2e-4, 2e6))
    labels = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert {"0.01", "0.001"} <= set(labels)
    assert not [label for label in labels if "{" in label]


def test_names_of_layers_that_would_overlap_are_left_out() -> None:
    svg = drawn(layer("stem", 0.02, 1e6), layer("twin", 0.0199, 1e6), layer("head", 2e-4, 2e6))
    assert "stem" in svg
    assert "head" in svg
    assert "twin" not in svg


def test_two_layers_never_have_the_same_shortened_name() -> None:
    names = [f"encoder.layer.{place}.attention.output.dense.MatMul" for place in range(3)]
    svg = drawn(*(layer(name, 0.02 / 10**place, 1e6) for place, name in enumerate(names)))
    labels = [label for label in re.findall(r"<text[^>]*>([^<]*)</text>", svg) if label.startswith("encoder")]
    assert len(set(labels)) == len(labels) == 3
