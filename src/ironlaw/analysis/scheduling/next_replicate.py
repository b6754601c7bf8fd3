"""Whether another replicate runs, and which arms it measures."""

from __future__ import annotations

import math
from dataclasses import replace

from ironlaw.analysis.scheduling.costs import costs_of
from ironlaw.analysis.scheduling.dimension import ALONE
from ironlaw.analysis.scheduling.settled import is_settled
from ironlaw.analysis.scheduling.spending import LEAST_WORTH_JOINING, spend
from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.statistics.paired import pair
from ironlaw.analysis.statistics.stopping import is_enough
from ironlaw.analysis.turns import times_of
from ironlaw.analysis.verdicts.choose import with_held_out
from ironlaw.analysis.verdicts.planner import Wanted
from ironlaw.estimate import Estimate
from ironlaw.fact import Ending
from ironlaw.plan import Plan
from ironlaw.recording import Recording, assemble
from ironlaw.situation import NextReplicate, Situation

# Another replicate has to measure for this share of the last one's time at least; a shorter one would not count.
LEAST_SHARE = 0.5
LEAST_REPLAY_S = 5.0  # less does not open a model


def next_replicate(situation: Situation, wanted: Wanted | None) -> NextReplicate:
    """Decide about the next replicate. Without `wanted` no experiments join."""
    ending = _ending(situation)
    recording = assemble(situation.facts)
    plan, knows = situation.plan, known_so_far(recording)
    if ending is not None:
        return NextReplicate(plan=plan, ending=ending, knows=knows)
    if wanted is not None and situation.spent:
        plan = affordable(with_held_out(recording, plan), situation)
    if wanted is not None and wanted.causes and len(situation.spent) >= alone(situation):
        plan = spend(replace(situation, plan=plan), recording, wanted, costs_of(situation))
    if plan.schedule.until_settled and len(situation.spent) > alone(situation) and is_settled(plan, recording):
        return NextReplicate(plan=plan, ending=Ending.SETTLED, knows=knows)
    return NextReplicate(plan=plan, knows=knows)


def alone(situation: Situation) -> int:
    """The number of replicates without experiments at the start: three, if as many as a verdict needs fit after them.

    Those have two more arms at least.

    In a run with a fixed number of replicates experiments join after the first.
    """
    if not situation.spent:
        return 1
    if situation.plan.schedule.inferences is not None or math.isinf(situation.left_s):
        return 1
    last = situation.spent[-1]
    more = situation.left_s / max(1e-9, last.starting_s + last.measuring_s)
    arms = max(1, len(last.arms))
    return ALONE if len(situation.spent) + more >= ALONE + LEAST_WORTH_JOINING * (arms + 2) / arms else 1


def _ending(situation: Situation) -> Ending | None:
    schedule, spent = situation.plan.schedule, situation.spent
    if not situation.alive():
        return Ending.FAILED
    if len(spent) >= schedule.most_replicates():
        return Ending.COMPLETE
    if spent and schedule.precision is not None and is_enough(situation.facts):
        return Ending.PRECISION
    if spent and situation.left_s < _least_s(situation):
        return Ending.BUDGET
    return None


def _least_s(situation: Situation) -> float:
    """The shortest replicate that would count."""
    last = situation.spent[-1]
    return costs_of(situation).start_s + LEAST_SHARE * last.counting_s


def affordable(plan: Plan, situation: Situation) -> Plan:
    """The plan with only those new replays that leave time for another two replicates, each within that time."""
    fresh = [one for one in plan.replays if one not in situation.plan.replays]
    if not fresh or math.isinf(situation.left_s):
        return plan
    spare_s = situation.left_s - 2 * _least_s(situation)
    kept, left_s = list(situation.plan.replays), spare_s
    for one in fresh:
        if left_s >= LEAST_REPLAY_S:
            kept.append(replace(one, within_s=min(one.within_s, left_s)))
            left_s -= kept[-1].within_s
    return replace(plan, replays=tuple(kept))


def known_so_far(recording: Recording) -> str:
    """The widest comparison so far, for the progress display; empty before two replicates."""
    if not recording.plans:
        return ""
    turns = times_of(recording)
    found: list[tuple[Estimate, str]] = []
    for control, arm in recording.plan.pairs():
        if control.name in turns and arm.name in turns:
            estimate = t_interval(pair(turns[control.name], turns[arm.name]).ln_ratios)
            if isinstance(estimate, Estimate):
                found.append((estimate, arm.name))
    if not found:
        return ""
    estimate, name = max(found, key=lambda entry: abs(entry[0].value))
    half = math.expm1(estimate.half_width)
    return (
        f"{name} {math.exp(estimate.value):.3g}x ±{half:.2g}"
        if half >= 1
        else (f"{name} {math.exp(estimate.value):.3g}x ±{100 * half:.2g} %")
    )
