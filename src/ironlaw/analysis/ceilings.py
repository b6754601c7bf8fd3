"""The ceilings that an arm is compared with: those of its number of threads."""

from __future__ import annotations

from ironlaw.fact import Ceilings
from ironlaw.missing import Maybe, Missing
from ironlaw.recording import Recording


def ceilings_of(recording: Recording, arm: str) -> Maybe[Ceilings]:
    """What the machine can do at most by the threads that an arm was given."""
    return ceilings_by(recording, recording.plan.threads_of(arm))


def ceilings_by(recording: Recording, threads: int) -> Maybe[Ceilings]:
    """What the machine can do at most by a number of threads."""
    by = f" by {threads} thread{'s' * (threads != 1)}" if recording.ceilings else ""
    reason = Missing(f"the ceilings of the machine were not measured{by}")
    return next((one for one in recording.ceilings if one.threads == threads), reason)
