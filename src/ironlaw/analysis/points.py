"""A recording that varies a setting: each point explained by itself, and where the difference turns between them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from ironlaw.analysis.compare import control_moved_by, has_moved, voids
from ironlaw.analysis.concerns.outputs import strays_among
from ironlaw.analysis.saturation import rates_by_threads
from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.statistics.paired import pair
from ironlaw.analysis.turns import ArmTurns
from ironlaw.analysis.verdicts.family import adjusted, p_value
from ironlaw.arm import Arm
from ironlaw.estimate import Estimate
from ironlaw.explanation import Comparison, Difference, Explanation, Outcome
from ironlaw.explanation.varied import GainSeries, PointFound, PointGain, TurningPoint, Varied
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.plan import Plan
from ironlaw.point import Point
from ironlaw.recording import FILED_IN, Recording

# What is judged per point among all points of a recording.
MOST_ERROR = 0.05
_SHOWN = (Difference.FASTER, Difference.SLOWER)
_BY_POINT = Missing("what to change depends on the point: see each of them")


def at_point(recording: Recording, point: Point) -> Recording:
    """The recording of one point: its arms and what they gave, under a plan of that batch."""
    plan = recording.plan
    others = {arm.name for arm in plan.arms if arm.point != point}
    kept: dict[str, Any] = {}
    times = dict(recording.at_s)
    for one in fields(Recording):
        facts = getattr(recording, one.name)
        if not isinstance(facts, tuple) or one.name == "plans":
            continue
        chosen = [getattr(fact, "arm", "") not in others for fact in facts]
        kept[one.name] = tuple(itertools.compress(facts, chosen))
        for kind in FILED_IN[one.name]:  # a field of several kinds has no times that are parallel to it
            times.update(
                {
                    name: tuple(itertools.compress(found, chosen))
                    for name, found in _timed(recording, kind)
                    if len(found) == len(facts)
                }
            )
    arms = tuple(arm for arm in plan.arms if arm.point == point)
    plan = replace(plan, arms=arms, batch=point.batch(plan.batch))
    return replace(recording, **{**kept, "plans": (plan,), "at_s": times})


def explain_points(
    recording: Recording, turns: Mapping[str, ArmTurns], explain: Callable[[Recording], Explanation]
) -> Explanation:
    """One explanation of all points: their arms and comparisons, each with the control of its own point."""
    plan = recording.plan
    points = tuple(PointFound(point=point, explanation=explain(at_point(recording, point))) for point in plan.points())
    explanations = [one.explanation for one in points]
    checks = [one.control_check for one in explanations]
    known = [check for check in checks if is_known(check)]
    return replace(
        explanations[0],
        plan=plan,
        arms=tuple(row for one in explanations for row in one.arms),
        comparisons=tuple(comparison for one in explanations for comparison in one.comparisons),
        concerns=tuple(dict.fromkeys(concern for one in explanations for concern in one.concerns)),
        associations=tuple(found for one in explanations for found in one.associations if found.arm),
        gains_by_phase=tuple(gain for one in explanations for gain in one.gains_by_phase),
        rates_by_threads=rates_by_threads(plan, turns),
        recommendation=_BY_POINT,
        front=(),
        control_check=next((check for check in known if has_moved(check)), known[0] if known else checks[0]),
        varied=Varied(points=points, series=tuple(_all_series(plan, points, turns))),
    )


def _all_series(plan: Plan, points: tuple[PointFound, ...], turns: Mapping[str, ArmTurns]) -> Iterator[GainSeries]:
    proven = _proven(points)
    for setting in dict.fromkeys(name for point in plan.points() for name, _ in point.settings):
        for rest in dict.fromkeys(point.without(setting) for point in plan.points()):
            along = _ordered([one for one in points if one.point.without(setting) == rest], setting)
            first = along[0].point
            for control, arm in plan.pairs() if len(along) > 1 else ():
                if arm.point == first:
                    yield _series(setting, rest, (control, arm), along, proven, turns)


def _ordered(points: list[PointFound], setting: str) -> list[PointFound]:
    """Values in ascending order if all are numbers, else in the given order."""
    values = {one.point: one.point.value(setting) or "" for one in points}
    try:
        return sorted(points, key=lambda one: float(values[one.point]))
    except ValueError:
        return points


def _proven(points: tuple[PointFound, ...]) -> dict[tuple[str, str], bool]:
    """For each comparison, whether its sign holds among all comparisons of the recording (Holm)."""
    values = {
        (comparison.control, comparison.changed): p_value(comparison.replicates)
        for one in points
        for comparison in one.explanation.comparisons
    }
    return {key: value < MOST_ERROR for key, value in adjusted(values).items()}


def _series(
    setting: str,
    rest: Point,
    arms: tuple[Arm, Arm],
    along: list[PointFound],
    proven: Mapping[tuple[str, str], bool],
    turns: Mapping[str, ArmTurns],
) -> GainSeries:
    gains = tuple(_gain(setting, one, arms, proven) for one in along)
    shown = [gain for gain in gains if gain.difference in _SHOWN]
    turned = tuple(
        TurningPoint(first=before.value, second=after.value, interaction=_interaction(before, after, turns))
        for before, after in itertools.pairwise(shown)
        if before.difference is not after.difference
    )
    outcome = Outcome.CONFIRMED if turned else Outcome.REFUTED if len(shown) == len(gains) else Outcome.UNDECIDED
    return GainSeries(
        setting=setting,
        at=rest,
        control=arms[0].base,
        changed=arms[1].base,
        gains=gains,
        outcome=outcome,
        turns=turned,
        change=_interaction(gains[0], gains[-1], turns),
    )


def _gain(setting: str, one: PointFound, arms: tuple[Arm, Arm], proven: Mapping[tuple[str, str], bool]) -> PointGain:
    comparison = _comparison_at(one, arms[1].base)
    reason = _why_nothing(comparison, one.explanation)
    key = (comparison.control, comparison.changed)
    difference = comparison.difference
    if difference in _SHOWN and (reason or not proven[key]):
        difference = Difference.UNPROVEN if reason else Difference.NONE_SHOWN
    return PointGain(
        value=one.point.value(setting) or "",
        control=key[0],
        changed=key[1],
        difference=difference,
        ln_ratio=comparison.ln_ratio,
        reason=reason,
    )


def _comparison_at(one: PointFound, base: str) -> Comparison:
    wanted = f"{base} {one.point}"
    return next(comparison for comparison in one.explanation.comparisons if comparison.changed == wanted)


def _why_nothing(comparison: Comparison, explanation: Explanation) -> str:
    """Why the comparison may claim nothing at this point, whatever its interval; empty where it may."""
    if isinstance(comparison.ln_ratio, Missing):
        return comparison.ln_ratio.reason
    if voids(control_moved_by(explanation.control_check), comparison.ln_ratio):
        return "the control differs from itself there"
    if {comparison.control, comparison.changed} & strays_among(explanation.concerns):
        return "the outputs differ there"
    return ""


def _interaction(first: PointGain, second: PointGain, turns: Mapping[str, ArmTurns]) -> Maybe[Estimate]:
    """ln(control/changed) at the first minus that at the second, over the replicates that both have."""
    for gain in (first, second):
        if isinstance(gain.ln_ratio, Missing):
            return gain.ln_ratio
    by_replicate = []
    for gain in (first, second):
        pairs = pair(turns[gain.control], turns[gain.changed])
        by_replicate.append(dict(zip(pairs.replicates.tolist(), pairs.ln_ratios.tolist(), strict=True)))
    shared = by_replicate[0].keys() & by_replicate[1].keys()
    return t_interval([by_replicate[0][number] - by_replicate[1][number] for number in sorted(shared)])


def _timed(recording: Recording, kind: type) -> list[tuple[str, tuple[Maybe[float], ...]]]:
    from ironlaw.lines import NAMES

    name = NAMES.get(kind, "")
    return [(name, recording.at_s[name])] if name in recording.at_s else []
