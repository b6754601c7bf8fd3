"""How the rate of a phase of text generation grows from one number of threads to the next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise

from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.statistics.paired import pair
from ironlaw.analysis.turns import ArmTurns
from ironlaw.arm import Arm
from ironlaw.estimate import Estimate
from ironlaw.explanation.generation import RateByThreads, ThreadStep
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.phase import Phase
from ironlaw.plan import Plan
from ironlaw.point import THREADS
from ironlaw.variant import PHASE


def rates_by_threads(plan: Plan, turns: Mapping[str, ArmTurns]) -> tuple[RateByThreads, ...]:
    """Every arm in a phase that was measured at several numbers of threads, everything else equal."""
    return tuple(_all_rates(plan, turns))


def _all_rates(plan: Plan, turns: Mapping[str, ArmTurns]) -> Iterator[RateByThreads]:
    by_program: dict[tuple[str, str], list[Arm]] = {}
    for arm in plan.asked():
        if arm.point.value(THREADS) is not None and is_known(Phase.read(arm.variant.level(PHASE))):
            by_program.setdefault((arm.base, str(arm.point.without(THREADS))), []).append(arm)
    for (name, rest), arms in by_program.items():
        arms.sort(key=_threads)
        steps = tuple(
            ThreadStep(first=_threads(one), second=_threads(other), gain=_gain(one, other, turns))
            for one, other in pairwise(arms)
        )
        if steps:
            yield RateByThreads(arm=f"{name} {rest}".strip(), steps=steps)


def _threads(arm: Arm) -> int:
    return int(arm.point.value(THREADS) or 0)


def _gain(one: Arm, other: Arm, turns: Mapping[str, ArmTurns]) -> Maybe[Estimate]:
    """The rate with the threads of the second over that with those of the first."""
    if not (one.name in turns and other.name in turns and len(turns[one.name]) and len(turns[other.name])):
        return Missing("not both were measured")
    ln_ratio = t_interval(pair(turns[one.name], turns[other.name]).ln_ratios)
    return ln_ratio if isinstance(ln_ratio, Missing) else ln_ratio.through(math.exp)
