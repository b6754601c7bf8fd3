"""How many inferences a turn holds, so that the whole schedule fits its budget or holds exactly what was asked for."""

from __future__ import annotations

from ironlaw.measure.rounds import share_out
from ironlaw.plan import Schedule

# Longer rounds average nothing that more replicates would not average better.
LONGEST_ROUND_S = 2.0
# As many as a run needs before it may stop, and two more: fewer cannot end early.
FEWEST_WITH_PRECISION = 8
# Of the time that is left: the rest covers what starting and stopping vary by.
USABLE = 0.95
# Starting replicates may take this share of it, unless fewer than so many would be left.
MOST_STARTING = 0.7
FEWEST_LEFT = 4
# What a replicate measures at least, over what it takes to start: less would waste the starting.
LEAST_MEASURING = 0.3


def replicates_by_count(schedule: Schedule) -> int:
    """Replicates of the schedule; fewer when there are fewer inferences than that."""
    return min(schedule.replicates, schedule.inferences or schedule.replicates)


def replicates_by_precision(*, scheduled: int, start_s: float, left_s: float) -> int:
    """Into how many replicates to divide the time left where a precision ends the run: each measures while it starts.

    Spread between replicates is averaged by replicates alone, noise within them by rounds as well. With neither known
    beforehand, starting and measuring share the time equally; Kalibera & Jones (ISMM 2013) weigh them once both are.
    """
    fitting = int(min(left_s, 1e9) / (2 * start_s)) if start_s > 0 else scheduled
    return max(1, min(scheduled, max(FEWEST_WITH_PRECISION, fitting)))


def turns_by_count(schedule: Schedule, replicate: int) -> tuple[int, ...]:
    """Inferences in each round of a replicate, such that all replicates together hold exactly what was asked for."""
    assert schedule.inferences is not None, "sized by count where a count is asked for"
    share = share_out(schedule.inferences, replicates_by_count(schedule))[replicate]
    return tuple(share_out(share, min(schedule.rounds, share)))


def turns_by_budget(
    schedule: Schedule, *, replicates_left: int, round_s: float, start_s: float, left_s: float
) -> tuple[int, ...]:
    """Inferences in each round of a replicate, as many as fit in the time left.

    `round_s` is the time of one inference of every arm, `start_s` that of starting one replicate, `left_s` what
    remains now that the first of `replicates_left` has started. Rounds shrink only when one inference a turn does
    not fit; where starting would take most of the time, fewer replicates are reckoned with, and the
    budget ends the run.
    """
    usable_s = min(left_s, 1e9) * USABLE
    affordable = 1 + int(usable_s * MOST_STARTING / max(start_s, 1e-3))  # the first has started already
    replicates = min(replicates_left, max(FEWEST_LEFT, affordable))
    measuring_s = max((usable_s - start_s * (replicates - 1)) / replicates, start_s * LEAST_MEASURING)
    rounds = schedule.rounds
    inferences = int(measuring_s / (rounds * round_s))
    if inferences < 1:
        rounds = max(1, min(rounds, int(measuring_s / round_s)))
    return (max(1, min(inferences, int(LONGEST_ROUND_S / round_s))),) * rounds
