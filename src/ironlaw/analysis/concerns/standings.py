"""Experiments that did not fit into the budget, and how much longer they would have taken."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ironlaw.causes import cause_of
from ironlaw.concern import Concern, Weight
from ironlaw.experiment import CauseStanding, CauseState
from ironlaw.recording import Recording

_SAID = {
    CauseState.WAITING: ("untested-causes", "suspected, but not tested within the budget"),
    CauseState.HOPELESS: ("hopeless-causes", "stopped, since they would not be decided within the budget"),
}
_MINUTE_S = 60.0
_SHOWN_IN_SECONDS = 120.0


def standing_doubts(recording: Recording) -> Iterator[Concern]:
    """The causes whose experiments were not run or were given up, each with the time they would take."""
    standings = recording.plan.standings
    budget_s = recording.plan.schedule.budget_s
    for state, (slug, text) in _SAID.items():
        found = [standing for standing in standings if standing.state is state]
        if found:
            longest_s = max((standing.seconds for standing in found if standing.seconds), default=0.0)
            fix = "name fewer causes with --experiments"
            if budget_s is not None and longest_s:
                fix = f"--budget {math.ceil((budget_s + longest_s) / 10) * 10:.0f}, or {fix}"
            yield Concern(slug=slug, text=f"{text}: {', '.join(map(_named, found))}", fix=fix, weight=Weight.NOTES)


def _named(standing: CauseStanding) -> str:
    title = cause_of(standing.cause).title
    return title if not standing.seconds else f"{title} (about {_duration(standing.seconds)} more)"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < _SHOWN_IN_SECONDS else f"{seconds / _MINUTE_S:.0f} min"
