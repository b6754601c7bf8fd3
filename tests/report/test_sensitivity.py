"""The table of layers by their answers: no name and no number is broken where the terminal is narrow."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from ironlaw.estimate import Estimate
from ironlaw.explanation.sensitivity import AnswerAgreement, LayerAnswers, Sensitivity
from ironlaw.missing import Missing
from ironlaw.replay import Use
from ironlaw.report.sensitivity import sensitivity_headings, sensitivity_markdown, show_sensitivity

from .test_left_in_float import agreeing

NAMES = ("/features/features.17/conv/conv.0/Conv", "encoder.layer.11.output.dense #2", "fc")
COSINE = AnswerAgreement(
    inputs=64,
    agreement=Estimate(value=0.98765, low=0.97654, high=0.99123),
    by_class=False,
    column=0.5,
    sqnr_db=41.23,
    lost=0.01,
)


def found(agreement: AnswerAgreement) -> Sensitivity:
    layers = tuple(
        LayerAnswers(
            name=name,
            path=name,
            operator="Conv",
            nodes=(name,),
            own_sqnr_db=41.23,
            alone={Use.HELD_OUT: agreement},
            left_float={Use.HELD_OUT: agreement},
            gained_ns=12.345e6,
            clipped=0.0123,
            stretched=123.4,
            dead=1024,
            channels=1280,
        )
        for name in NAMES
    )
    return Sensitivity(
        arm="int8",
        control="fp32",
        layers=layers,
        whole={Use.HELD_OUT: agreement},
        arm_itself={},
        how="torch",
        took_s=9.0,
    )


def printed(one: Sensitivity, *, width: int) -> str:
    out = io.StringIO()
    show_sensitivity(one, Console(file=out, width=width), top=None)
    return out.getvalue()


def rows(shown: str) -> list[list[str]]:
    """The words of the lines below the headings."""
    lines = shown.splitlines()
    below = next(place for place, line in enumerate(lines) if line.startswith("layer")) + 1
    return [line.split() for line in lines[below : lines.index("", below)]]


@pytest.mark.parametrize("agreement", [COSINE, agreeing(0.953, 0.869, 64)])
def test_at_eighty_columns_a_layer_is_one_name_that_ends_in_an_ellipsis(agreement: AnswerAgreement) -> None:
    shown = printed(found(agreement), width=80)
    assert max(map(len, shown.splitlines())) <= 80
    begins = [row[0] for row in rows(shown) if row[0].startswith(("/", "encoder", "fc", "#"))]
    assert [name.endswith("…") for name in begins] == [True, True, False]
    assert all(len(name) >= 12 and full.startswith(name[:-1]) for name, full in zip(begins[:2], NAMES, strict=False))
    assert "1024/1280" in shown
    assert "12.345" in shown


def test_a_wide_terminal_and_markdown_have_the_whole_names() -> None:
    shown, lines = printed(found(COSINE), width=160), sensitivity_markdown(found(COSINE))
    assert all(name in shown and name in lines for name in NAMES)
    assert "| " + " | ".join(sensitivity_headings()) + " |" in lines


def test_what_is_not_known_is_a_dash() -> None:
    one = found(COSINE)
    bare = replace(one.layers[0], own_sqnr_db=Missing("it is not finite"), gained_ns=Missing("no ledger"))
    row = rows(printed(replace(one, layers=(bare,)), width=160))[0]
    assert row[1] == row[-1] == "–"
