"""The hooks of a cause by default: they claim nothing, unless one entry of the readings decides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.arm import Arm
from ironlaw.cause import Cause
from ironlaw.explanation.account import Category
from ironlaw.missing import Missing
from ironlaw.observed import Observed


class Counted(Cause):
    count = "casts"
    if_none = "it casts nothing"


class Checked(Cause):
    check = "training"
    if_none = "it does not train"


class Located(Cause):
    located_in = (Category.REORDER, Category.QUANTIZE)
    does = "copies"
    least_share = 0.15


class Rare(Located):
    least_share = 0.02


def observed(*, census: dict[str, float] | None = None, checks: dict[str, bool] | None = None) -> Observed:
    return Observed(arm=Arm.of("fp32"), wall_ns=1e7, page_faults=0.0, checks=checks or {}, census=census or {}, cpus=1)


def claims(cause: Cause, arm: Observed) -> tuple[bool, object, str]:
    return cause.shows(arm), cause.burden(arm), cause.excludes(arm)


def test_a_cause_claims_nothing_of_itself() -> None:
    assert claims(Cause(), observed(census={"casts": 3.0}, checks={"training": True})) == (False, 1.0, "")


def test_a_count_shows_a_cause_weighs_it_and_excludes_it_where_it_is_zero() -> None:
    assert claims(Counted(), observed(census={"casts": 3.0})) == (True, 3.0, "")
    assert claims(Counted(), observed(census={"casts": 0.0})) == (False, 0.0, "it casts nothing")


def test_a_check_shows_a_cause_or_excludes_it() -> None:
    assert claims(Checked(), observed(checks={"training": True})) == (True, 1.0, "")
    assert claims(Checked(), observed(checks={"training": False})) == (False, 1.0, "it does not train")


def test_what_was_not_read_neither_shows_nor_excludes_a_cause() -> None:
    assert claims(Counted(), observed()) == (False, 0.0, "")
    assert claims(Checked(), observed()) == (False, 1.0, "")


@pytest.mark.parametrize(
    ("cause", "copying", "said"),
    [
        (Located(), 0.05, "fp32 copies for 15 % of its time"),
        (Located(), 0.04, ""),
        (Rare(), 0.04, "fp32 copies for 14.0 % of its time"),
        (Cause(), 0.9, ""),
    ],
)
def test_the_share_of_time_in_its_code_is_consistent_with_a_cause_from_the_least_on(
    cause: Cause, copying: float, said: str
) -> None:
    spent = {Category.REORDER: copying, Category.QUANTIZE: 0.1, Category.MATRIX: 0.5}
    assert cause.consistent(replace(observed(), spent=spent), Missing("unknown")) == said


@pytest.mark.parametrize(
    ("share", "wall_ns", "is_in_both"), [(0.14, 0.9e7, True), (0.14, 0.7e7, False), (0.0, 1e7, False)]
)
def test_a_cause_is_in_both_arms_where_the_faster_one_spends_as_much_time_in_its_code(
    share: float, wall_ns: float, is_in_both: bool
) -> None:
    slower = replace(observed(), spent={Category.REORDER: 0.14})
    faster = replace(observed(), wall_ns=wall_ns, spent={Category.REORDER: share})
    assert Rare().is_in_both(slower, faster) is is_in_both
    assert not Rare().is_in_both(observed(), faster)


@pytest.mark.parametrize(("casts", "is_in_both"), [(40.0, True), (20.0, False), (0.0, False)])
def test_a_counted_cause_is_in_both_arms_where_they_have_as_much_of_it(casts: float, is_in_both: bool) -> None:
    class Weighed(Counted):
        counted_in = "casts"

    slower, faster = (observed(census={"casts": count}) for count in (40.0, casts))
    assert Weighed().is_in_both(slower, faster) is is_in_both
    assert not Counted().is_in_both(slower, faster)  # what is there or not has no extent
