"""Laws that every cause obeys, so that a new one is one file."""

from __future__ import annotations

from pathlib import Path

import pytest

import ironlaw.causes
from ironlaw.cause import Cause
from ironlaw.causes import CAUSES, TESTED, cause_behind, cause_of
from ironlaw.factors import FACTORS
from ironlaw.report.catalogue import page
from tests.docs.pages import ROOT

EACH = pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES)


def test_every_cause_is_one_file_named_after_it() -> None:
    files = {path.stem for path in Path(ironlaw.causes.__file__).parent.glob("*.py")} - {"__init__"}
    assert {slug.replace("-", "_") for slug in CAUSES} == files


@EACH
def test_a_cause_has_words(cause: Cause) -> None:
    assert cause.title
    assert cause.mechanism
    assert cause.example


@EACH
def test_a_cause_is_tested_by_levels_that_exist_and_that_name_it(cause: Cause) -> None:
    for switch in cause.levels():
        assert switch.cause == cause.slug
        assert FACTORS[switch.factor].accepts(switch.level)


@EACH
def test_a_cause_whose_arms_are_compared_by_burden_says_what_that_counts(cause: Cause) -> None:
    assert bool(cause.counted_in) == (bool(cause.count) or type(cause).burden is not Cause.burden)


@EACH
def test_a_cause_that_one_entry_of_the_readings_decides_says_what_excludes_it(cause: Cause) -> None:
    assert not (cause.count and cause.check)
    if cause.count or cause.check:
        assert cause.if_none or type(cause).excludes is not Cause.excludes


def test_a_factor_stands_for_one_cause_unless_readings_distinguish_several() -> None:
    by_factor: dict[str, list[Cause]] = {}
    for cause in CAUSES.values():
        for factor in cause.factors:
            by_factor.setdefault(factor, []).append(cause)
    assert set(by_factor) <= set(FACTORS)
    for causes in by_factor.values():
        assert len(causes) == 1 or all(type(cause).is_between is not Cause.is_between for cause in causes)


def test_the_precision_that_is_asked_about_is_no_single_cause() -> None:
    assert cause_behind("precision") is None


def test_causes_stand_in_their_order_and_no_two_at_one_place() -> None:
    orders = [cause.order for cause in CAUSES.values()]
    assert orders == sorted(set(orders))
    assert [slug for slug in CAUSES if slug in TESTED] == list(TESTED)


def test_a_cause_of_another_version_is_its_slug_spelled_out() -> None:
    assert cause_of("warp-drift").title == "warp drift"
    assert not cause_of("warp-drift").is_tested


def test_guesses_that_several_causes_answer_stand_at_one_place() -> None:
    guesses = {guess for cause in CAUSES.values() for guess in cause.guesses}
    assert len({guess.text for guess in guesses}) == len({guess.place for guess in guesses}) == len(guesses)


def test_the_catalogue_page_is_the_one_that_the_causes_make() -> None:
    """`python -m ironlaw.report.catalogue > docs/catalogue.md` makes it again."""
    assert (ROOT / "docs/catalogue.md").read_text(encoding="utf-8") == page()
