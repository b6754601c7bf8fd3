"""What a run's wall time went into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ironlaw.fact import Activity
from ironlaw.missing import Maybe


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTime:
    """How long a run took, how much of it were counted inferences, and what else it did; in seconds.

    `spent` adds up to the time that the recording covers, which is all of it unless the run was cut.
    """

    wall_s: Maybe[float]
    counted_s: float
    replicates: int
    spent: Maybe[Mapping[Activity, float]]
