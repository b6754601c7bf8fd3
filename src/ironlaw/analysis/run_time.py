"""The wall time of a run by activity, from its recording."""

from __future__ import annotations

import math

from ironlaw.explanation import RunTime
from ironlaw.fact import Activity
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.recording import Recording


def run_time(recording: Recording) -> RunTime:
    """Compute how long a run took, by activity. `spent` is Missing for recordings without these facts."""
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
    """The time until the end or, if the recording was cut, until the last fact with a time."""
    if is_known(recording.ended):
        return recording.ended.elapsed_s
    known = [one for times in recording.at_s.values() for one in times if is_known(one)]
    return max(known) if known else Missing("the recording was cut, and its facts have no times")
