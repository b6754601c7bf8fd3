"""The wall time of a run by activity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ironlaw.fact import Activity
from ironlaw.missing import Maybe


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTime:
    """How long a run took, the part spent on counted inferences, and all activities, in seconds.

    `spent` adds up to the time that the recording covers: the whole run unless it was cut short.
    """

    wall_s: Maybe[float]
    counted_s: float
    replicates: int
    spent: Maybe[Mapping[Activity, float]]
