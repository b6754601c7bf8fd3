"""The differences of a recording without explanations, fast enough for a history of 100,000 recordings."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ironlaw.analysis.compare import Goal, absent, beside, difference_of, excusing_noise, has_moved
from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.statistics.paired import pair
from ironlaw.analysis.turns import ArmTurns, times_of
from ironlaw.explanation import Comparison, Difference
from ironlaw.fact import Ending, has_ended_by
from ironlaw.missing import Missing
from ironlaw.recording import Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """Every requested arm against the plan's first, with the same ln-ratios and differences as `explain`."""

    comparisons: tuple[Comparison, ...]
    control_moved: bool


def briefly(recording: Recording) -> Brief:
    """Compare the times of a recording's arms.

    Raises:
        RecordingUnreadable: the recording was cut before its plan.
    """
    plan = recording.plan
    turns = times_of(recording)
    goal = Goal(
        precision=plan.schedule.precision,
        stopped_on_it=has_ended_by(recording.ended, Ending.PRECISION),
    )
    controls = [(arm.repeats, arm) for arm in plan.arms if arm.repeats is not None]
    checks = {
        arm.point: excusing_noise(_compared(turns, first, arm.name, goal), among=len(controls))
        for first, arm in controls
    }
    comparisons = []
    for control, arm in plan.pairs():
        check = checks.get(arm.point, Missing("no arm ran twice"))
        comparisons.append(beside(_compared(turns, control.name, arm.name, goal), check))
    return Brief(comparisons=tuple(comparisons), control_moved=any(has_moved(check) for check in checks.values()))


def _compared(turns: dict[str, ArmTurns], control: str, changed: str, goal: Goal) -> Comparison:
    for name in (control, changed):
        if not len(turns.get(name, ())):
            return absent(control, changed, f"{name} took no turn")
    ratios = pair(turns[control], turns[changed]).ln_ratios
    if not len(ratios):
        return absent(control, changed, f"{control} and {changed} share no round")
    comparison = Comparison(
        control=control,
        changed=changed,
        difference=Difference.UNPROVEN,
        ln_ratio=goal.applied(t_interval(ratios)),
        rank=Missing("left out of a history"),
        replicates=tuple(float(ratio) for ratio in ratios),
    )
    return replace(comparison, difference=difference_of(comparison))
