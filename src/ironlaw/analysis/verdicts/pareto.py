"""The Pareto front of a search: the arms that no other beats in latency, size and agreement, with intervals."""

from __future__ import annotations

import math

from ironlaw.analysis.concerns.outputs import agreement_of
from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.verdicts.bench import Bench
from ironlaw.estimate import Estimate
from ironlaw.explanation import ArmSummary, FrontPoint
from ironlaw.missing import is_known

# In ln units: an arm is beaten in time when it is shown to be slower, not when it reads so.
NOT_SLOWER = 0.0


def front(on: Bench, rows: dict[str, ArmSummary]) -> tuple[FrontPoint, ...]:
    """The arms that no other is shown to beat, fastest first; empty if nothing was searched.

    Only replicates after the last retirement count, since earlier ones chose the arms.
    """
    retired = on.plan.retired
    if not retired:
        return ()
    last = max((max(on.ln_wall[name]) for name in retired if on.ln_wall.get(name)), default=-1)
    judged = [
        arm.name
        for arm in on.plan.asked()
        if arm.name not in retired and any(number > last for number in on.ln_wall.get(arm.name, {}))
    ]
    kept = [name for name in judged if not any(_beats(on, rows, other, name, last) for other in judged)]
    points = []
    for name in kept:
        gain = _gain(on, on.plan.control.name, name, last)
        if isinstance(gain, Estimate):
            points.append(
                FrontPoint(
                    arm=name,
                    speedup=gain.through(math.exp),
                    size_bytes=rows[name].size_bytes,
                    agreement=agreement_of(rows[name]) if name != on.plan.control.name else 1.0,
                )
            )
    return tuple(sorted(points, key=lambda point: -point.speedup.value))


def _gain(on: Bench, control: str, changed: str, last: int) -> object:
    """ln(control/changed) over the replicates that judge, or why there is no interval."""
    if control == changed:
        return Estimate(value=0.0, low=0.0, high=0.0)
    series = on.series((1.0, control), (-1.0, changed))
    return t_interval([value for number, value in series.items() if number > last])


def _beats(on: Bench, rows: dict[str, ArmSummary], one: str, other: str, last: int) -> bool:
    """Whether one arm is shown to be faster than another, and neither larger nor in less agreement with the control."""
    gain = _gain(on, other, one, last) if one != other else None
    if not isinstance(gain, Estimate) or gain.low <= NOT_SLOWER:
        return False
    sizes = rows[one].size_bytes, rows[other].size_bytes
    if not (is_known(sizes[0]) and is_known(sizes[1])) or sizes[0] > sizes[1]:
        return False
    control = on.plan.control.name
    mine = 1.0 if one == control else agreement_of(rows[one])
    theirs = 1.0 if other == control else agreement_of(rows[other])
    return not is_known(theirs) or (is_known(mine) and mine >= theirs)
