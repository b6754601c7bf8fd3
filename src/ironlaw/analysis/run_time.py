"""What a run's wall time went into, from its recording."""

from __future__ import annotations

import math

from ironlaw.fact import Activity
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.recording import Recording
from ironlaw.run_time import RunTime


def run_time(recording: Recording) -> RunTime:
    """How long it took and what it did: `spent` is missing in recordings that have no account of it."""
    spent = {
        activity: math.fsum(one.seconds.get(activity, 0.0) for one in recording.spent)
        for activity in Activity
        if any(activity in one.seconds for one in recording.spent)
    }
    return RunTime(
        wall_s=_wall_s(recording),
        counted_s=sum(reading.wall_ns for reading in recording.readings) / 1e9,
        replicates=len({reading.replicate for reading in recording.readings}),
        spent=spent or Missing("the recording does not show how its time was spent"),
    )


def _wall_s(recording: Recording) -> Maybe[float]:
    """Until it ended; of one that was cut, until the last fact whose time is known."""
    if is_known(recording.ended):
        return recording.ended.elapsed_s
    known = [one for times in recording.at_s.values() for one in times if is_known(one)]
    return max(known) if known else Missing("the recording was cut, and its facts have no times")
