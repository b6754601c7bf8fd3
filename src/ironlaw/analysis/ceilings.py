"""The ceilings that an arm is compared with: those of its number of threads."""

from __future__ import annotations

from ironlaw.fact import Ceilings
from ironlaw.missing import Maybe, Missing
from ironlaw.plan import CEILINGS_S, LEAST_BUDGET_S
from ironlaw.recording import Recording


def ceilings_of(recording: Recording, arm: str) -> Maybe[Ceilings]:
    """What the machine can do at most by the threads that an arm was given."""
    return ceilings_by(recording, recording.plan.threads_of(arm))


def ceilings_by(recording: Recording, threads: int) -> Maybe[Ceilings]:
    """What the machine can do at most by a number of threads."""
    found = next((one for one in recording.ceilings if one.threads == threads), None)
    return found or Missing(_not_measured(recording, threads))


def _not_measured(recording: Recording, threads: int) -> str:
    by = f" by {threads} thread{'s' * (threads != 1)}" if recording.ceilings else ""
    said, schedule = f"the ceilings of the machine were not measured{by}", recording.plan.schedule
    if recording.plan.ceilings or recording.ceilings:
        return said
    if schedule.budget_s is None or schedule.affords_ceilings(CEILINGS_S):
        return f"{said}: the plan does not ask for them"
    return f"{said}: a budget of {schedule.budget_s:g} s is too short, and one of {LEAST_BUDGET_S:.0f} s is enough"
