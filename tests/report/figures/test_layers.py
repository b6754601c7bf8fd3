"""Pictures by layer."""

from __future__ import annotations

import pytest

from ironlaw.explanation import Roofline
from ironlaw.missing import Maybe, Missing
from ironlaw.report.figures.layers import roofline
from tests.report import explanations

GAP = Missing("the ceilings of the machine were not measured")


@pytest.mark.parametrize(
    "ceilings", [GAP, Roofline(macs_per_s={"fp32": GAP, "int8": GAP}, bytes_per_s=1e10)], ids=["gap", "no-peak"]
)
def test_a_roofline_without_a_ceiling_is_not_drawn(ceilings: Maybe[Roofline]) -> None:
    compared = explanations.comparison("fp32", "int8", 2.0)
    assert roofline(compared, explanations.ledger(3), ceilings, name="r") is None


def test_a_roofline_is_drawn_if_one_peak_is_known() -> None:
    compared = explanations.comparison("fp32", "int8", 2.0)
    drawn = roofline(
        compared, explanations.ledger(3), Roofline(macs_per_s={"fp32": 1e11, "int8": GAP}, bytes_per_s=GAP), name="r"
    )
    assert drawn is not None
    assert "ceilings measured" in drawn.caption
