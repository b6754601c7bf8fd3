"""The progress of a run, for its display."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from ironlaw.plan import Schedule
from ironlaw.situation import ReplicateSpent


def share_done(
    spent: Sequence[ReplicateSpent], schedule: Schedule, *, elapsed_s: float, replicates: float, foreseen: int
) -> float:
    """The share of a run that is behind it, after this number of replicates.

    Of its budget, or of what the replicates that are foreseen take, where these end it.
    """
    if spent and spent[-1].counting_s:
        took_s = fmean(one.starting_s + one.measuring_s + one.stopping_s for one in spent)
        before_s = elapsed_s - took_s * replicates
        by_replicates = elapsed_s / max(before_s + took_s * foreseen, 1e-9)
    else:
        by_replicates = replicates / max(1, foreseen)
    budget_s = schedule.budget_s
    if budget_s is None or foreseen >= schedule.most_replicates():
        return by_replicates
    return elapsed_s / budget_s
