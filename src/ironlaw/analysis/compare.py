"""Compare two arms: the paired difference with its intervals, and what it allows to claim."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ironlaw.analysis.iron_law.lmdi import decompose
from ironlaw.analysis.iron_law.split import counterfactuals, read_once, split_with_intervals
from ironlaw.analysis.iron_law.states import states
from ironlaw.analysis.statistics.covariate import adjust
from ironlaw.analysis.statistics.interval import CONFIDENCE, rank_interval, t_interval
from ironlaw.analysis.statistics.paired import Pairs, pair
from ironlaw.analysis.statistics.stopping import replicates_needed
from ironlaw.analysis.turns import ArmTurns
from ironlaw.analysis.verdicts.family import p_value
from ironlaw.estimate import Estimate
from ironlaw.explanation import Comparison, Difference
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, Missing, is_known

NEGLIGIBLE_MOVE = 0.002  # ln units
# A control that may have moved by more than this share of a difference, or further than that, leaves it unproven.
EXCUSED_SHARE = 0.1
MOST_EXCUSED = math.log(1.05)
ERROR = 1 - CONFIDENCE  # that the controls of a recording may be in together
NO_GOAL = Missing("the plan asks for no precision")


def compare(
    control: ArmTurns, changed: ArmTurns, machine: Maybe[Machine], *, goal: Goal | None = None
) -> tuple[Comparison, Pairs]:
    """Compare two arms over the rounds they share. Returns the comparison and the pairs it was computed from."""
    goal = goal or Goal()
    pairs = pair(control, changed)
    ratios = pairs.ln_ratios
    ln_ratio = goal.applied(t_interval(ratios))
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
    stand = states(pairs, machine)
    decomposition = decompose(stand.control, stand.changed)
    if isinstance(ln_ratio, Missing):
        once = read_once(decomposition, stand.assumptions)
        return replace(comparison, split=ln_ratio, once=once), pairs
    adjusted = adjust(pairs)
    needed, seconds = goal.distance(ratios.tolist())
    return replace(
        comparison,
        difference=difference_of(comparison),
        split=split_with_intervals(decomposition, stand.assumptions),
        counterfactuals=counterfactuals(decomposition),
        adjusted=adjusted if isinstance(adjusted, Missing) else adjusted.adjusted,
        covariate="" if isinstance(adjusted, Missing) else adjusted.name,
        covariate_is_equal=not isinstance(adjusted, Missing) and adjusted.is_equal,
        replicates_needed=needed,
        seconds_needed=seconds,
    ), pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The precision a plan asks for, and whether the run stopped because it was reached."""

    precision: float | None = None
    stopped_on_it: bool = False
    replicate_s: Maybe[float] = NO_GOAL  # how long one replicate takes

    def distance(self, replicate_means: list[float]) -> tuple[Maybe[int], Maybe[float]]:
        """What reaching the goal would still take: replicates, and their time in seconds."""
        if self.precision is None:
            return NO_GOAL, NO_GOAL
        needed = replicates_needed(replicate_means, self.precision)
        if isinstance(needed, Missing) or isinstance(self.replicate_s, Missing):
            return needed, needed if isinstance(needed, Missing) else self.replicate_s
        return needed, needed * self.replicate_s

    def applied(self, estimate: Maybe[Estimate]) -> Maybe[Estimate]:
        """The interval, widened to the goal if the run stopped on it; see stopping."""
        if isinstance(estimate, Missing) or self.precision is None or not self.stopped_on_it:
            return estimate
        half = math.log1p(self.precision)
        return replace(
            estimate, low=min(estimate.low, estimate.value - half), high=max(estimate.high, estimate.value + half)
        )


def absent(control: str, changed: str, reason: str) -> Comparison:
    """A comparison that could not be made, with the reason."""
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


def excusing_noise(check: Comparison, *, among: int = 1) -> Comparison:
    """The control's comparison with itself; a move too small to matter counts as none.

    Long recordings detect differences as small as those caused by an arm's position in its round. A move whose whole
    interval is inside +-0.2 % casts no doubt on larger differences. If the recording has several controls (`among` is
    their number), each has its part of the 5 % in which noise moves one (Bonferroni).
    """
    if not is_known(check.ln_ratio):
        return check
    is_by_noise = among > 1 and among * p_value(check.replicates) >= ERROR
    if is_by_noise or check.ln_ratio.lies_within(NEGLIGIBLE_MOVE):
        return replace(check, difference=Difference.NONE_SHOWN)
    return check


NO_GAIN = Missing("the control differs from itself, so no gain is proven")


def has_moved(check: Maybe[Comparison]) -> bool:
    """Whether the control differs from itself."""
    return is_known(check) and check.difference in (Difference.FASTER, Difference.SLOWER)


def control_moved_by(check: Maybe[Comparison]) -> float:
    """How far the control may have moved, in ln units: as its interval reaches if it differs from itself, 0 if not."""
    if not has_moved(check) or isinstance(check, Missing) or isinstance(check.ln_ratio, Missing):
        return 0.0
    return max(abs(check.ln_ratio.low), abs(check.ln_ratio.high))


def voids(moved_by: float, claimed: Maybe[Estimate]) -> bool:
    """Whether a control that differs from itself by up to `moved_by` leaves a difference or an effect unproven.

    It does not if the move is at most 5 %, and a tenth of what is claimed.
    """
    if moved_by == 0.0:
        return False
    if isinstance(claimed, Missing) or not claimed.excludes(0.0):
        return True
    return moved_by > min(MOST_EXCUSED, EXCUSED_SHARE * min(abs(claimed.low), abs(claimed.high)))


def beside(comparison: Comparison, check: Maybe[Comparison]) -> Comparison:
    """A comparison whose difference is unproven if the control's move `voids` it."""
    if voids(control_moved_by(check), comparison.ln_ratio):
        return replace(comparison, difference=Difference.UNPROVEN)
    return comparison


def difference_of(comparison: Comparison) -> Difference:
    """What the interval allows to claim, provided that the control did not move."""
    estimate = comparison.ln_ratio
    if not is_known(estimate):
        return Difference.UNPROVEN
    if not estimate.excludes(0.0):
        return Difference.NONE_SHOWN
    return Difference.FASTER if estimate.value > 0 else Difference.SLOWER
