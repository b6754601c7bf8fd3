"""A comparison of two arms: the paired difference with its intervals, and what may be claimed from it."""

from __future__ import annotations

import math
from dataclasses import replace

from ironlaw.explain.interval import rank_interval, t_interval
from ironlaw.explain.paired import Pairs, pair
from ironlaw.explain.turns import ArmTurns
from ironlaw.explanation import Comparison, Difference, ReadOnce
from ironlaw.missing import Missing, is_known


def compare(control: ArmTurns, changed: ArmTurns) -> tuple[Comparison, Pairs]:
    """Compare two arms over the rounds they share; also gives the pairs, for whatever looks closer."""
    pairs = pair(control, changed)
    ratios = pairs.ln_ratios
    ln_ratio = t_interval(ratios)
    comparison = Comparison(
        control=control.arm,
        changed=changed.arm,
        difference=Difference.UNPROVEN,
        ln_ratio=ln_ratio,
        rank=rank_interval(ratios),
        replicates=tuple(float(ratio) for ratio in ratios),
    )
    if not len(ratios):
        gap = Missing(f"{control.arm} and {changed.arm} share no round")
        return replace(comparison, ln_ratio=gap, rank=gap, split=gap, once=gap), pairs
    if isinstance(ln_ratio, Missing):
        return replace(comparison, split=ln_ratio, once=_once(pairs)), pairs
    return replace(comparison, difference=judge(comparison)), pairs


def absent(control: str, changed: str, reason: str) -> Comparison:
    """The comparison that could not be made, and why."""
    gap = Missing(reason)
    return Comparison(
        control=control,
        changed=changed,
        difference=Difference.UNPROVEN,
        ln_ratio=gap,
        rank=gap,
        replicates=(),
        split=gap,
        once=gap,
    )


def judge(comparison: Comparison) -> Difference:
    """What the interval allows to claim, as long as the control held still."""
    estimate = comparison.ln_ratio
    if not is_known(estimate):
        return Difference.UNPROVEN
    if not estimate.excludes(0.0):
        return Difference.NONE_SHOWN
    return Difference.FASTER if estimate.value > 0 else Difference.SLOWER


def _once(pairs: Pairs) -> ReadOnce:
    control, changed = float(pairs.ln_control.mean()), float(pairs.ln_changed.mean())
    return ReadOnce(
        ln_ratio=control - changed,
        control_ns=math.exp(control),
        changed_ns=math.exp(changed),
        terms={},
        assumptions=(),
    )
