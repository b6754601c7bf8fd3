"""Causes that the budget had no room for are named, with the time that they would take."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.analysis.concerns.standings import standing_doubts
from ironlaw.experiment import CauseStanding, CauseState
from ironlaw.measure.scripted import Script
from ironlaw.recording import Recording
from tests.scripted import SOUND, own, recorded


def standing(*standings: CauseStanding) -> Recording:
    made = recorded((own("a"), own("b")), Script(arms={"a": SOUND, "b": SOUND}), replicates=2)
    schedule = replace(made.plan.schedule, budget_s=60.0)
    return replace(made, plans=(*made.plans, replace(made.plan, schedule=schedule, standings=standings)))


def test_a_cause_that_waits_and_one_that_is_hopeless_are_named_with_their_time() -> None:
    waiting = CauseStanding(cause="cache-fit", state=CauseState.WAITING, seconds=35.2)
    hopeless = CauseStanding(cause="layout", state=CauseState.HOPELESS, seconds=840.0)
    first, second = standing_doubts(standing(waiting, hopeless))
    assert (first.slug, second.slug) == ("untested-causes", "hopeless-causes")
    assert "(about 35 s more)" in first.text
    assert "(about 14 min more)" in second.text
    assert first.fix.startswith("--budget 100,")


def test_causes_that_are_decided_or_open_raise_no_doubt() -> None:
    states = (CauseState.CONFIRMED, CauseState.REFUTED, CauseState.OPEN, CauseState.STUCK)
    assert not [*standing_doubts(standing(*(CauseStanding(cause="layout", state=state) for state in states)))]
