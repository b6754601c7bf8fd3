"""How an arm's answers compare with the control's, in words."""

from __future__ import annotations

from ironlaw.explanation import ArmSummary
from ironlaw.missing import Missing
from ironlaw.report.arms import agreement

EQUAL = ArmSummary(
    arm="int8 (again)",
    inferences=10,
    wall_ns=Missing("was not measured"),
    cosine=1.0,
    largest_difference=0.0,
    sqnr_db=Missing("the outputs are equal: there is no noise"),
    identical_outputs=Missing("it answered some of the inputs, and only some of the numbers were kept"),
)


def test_numbers_that_do_not_differ_are_said_to_be_the_same_and_how_many_were_compared_is_left_open() -> None:
    assert agreement(EQUAL) == "the same in all numbers that were kept to compare"
