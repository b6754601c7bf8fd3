"""What is confirmed in a recording whose control differs from itself, through the whole pipeline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.explanation import Outcome
from ironlaw.measure.scripted import Burden, Script
from tests.scripted import QUARTER, QUIET, SOUND, burdened, confirmed, explained, own

FAULTY = burdened(Burden(factor="malloc", level="retain", kernel_instructions=QUARTER, page_faults=3000.0))


def test_nothing_is_confirmed_when_the_control_moved() -> None:
    moved = replace(FAULTY, user_instructions=110e6)
    script = Script(arms={"a": FAULTY, "a (again)": moved, "b": SOUND}, turn_noise=QUIET)
    (comparison,) = explained((own("a"), own("b")), script).comparisons
    assert confirmed(comparison) == set()
    (verdict,) = (one for one in comparison.causes if one.cause == "page-faults")
    assert verdict.reason.startswith("the control differs from itself: nothing is confirmed in this recording")


@pytest.mark.parametrize(("percent", "outcome"), [(2, Outcome.CONFIRMED), (5, Outcome.UNDECIDED)])
def test_a_cause_is_confirmed_where_the_control_moved_by_less_than_a_tenth_of_its_effect(
    percent: int, outcome: Outcome
) -> None:
    moved = replace(FAULTY, user_instructions=FAULTY.user_instructions * (1 + percent / 100))
    script = Script(arms={"a": FAULTY, "a (again)": moved, "b": SOUND}, turn_noise=0.0005)
    (comparison,) = explained((own("a"), own("b")), script).comparisons
    (verdict,) = (one for one in comparison.causes if one.cause == "page-faults")
    assert verdict.outcome is outcome
