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
    """Why a number of threads has no ceilings."""
    by = f" by {threads} thread{'s' * (threads != 1)}" if recording.ceilings else ""
    said, schedule = f"the ceilings of the machine were not measured{by}", recording.plan.schedule
    if recording.ceilings:
        if threads not in recording.plan.ceilings_due():
            return f"{said}, which no arm was requested with"
        known = ", ".join(str(one.threads) for one in recording.ceilings)
        return f"{said}: those by {known} took the time that the budget has for all"
    if recording.plan.ceilings:
        done = len({reading.replicate for reading in recording.readings})
        return f"{said}: the run ended before, with {done} replicate{'s' * (done != 1)}"
    if schedule.budget_s is None or schedule.affords_ceilings(CEILINGS_S):
        return f"{said}: the plan does not ask for them"
    return f"{said}: a budget of {schedule.budget_s:g} s is too short, and one of {LEAST_BUDGET_S:.0f} s is enough"
