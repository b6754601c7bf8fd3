"""Advice for the recorder, before and within each replicate: which arms to measure, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ironlaw.running.planning import experiments_of
from ironlaw.running.settings import Settings

if TYPE_CHECKING:
    from ironlaw.analysis.verdicts.planner import Wanted
    from ironlaw.measure.recorder import Advice
    from ironlaw.plan import Plan
    from ironlaw.recording import Recording
    from ironlaw.situation import NextReplicate, Situation


def advice_for(settings: Settings) -> Advice:
    """Return the advice between replicates that the settings require."""
    return advise_search() if settings.search else advise(experiments_of(settings))


def advise(experiments: tuple[str, ...] = ()) -> Advice:
    """Add experiments on these causes where the readings suggest them, and spend time on open verdicts."""
    from ironlaw.analysis.verdicts.planner import Wanted
    from ironlaw.factors import FACTORS

    return advise_wanted(
        Wanted(causes=experiments, possible=lambda switch: FACTORS[switch.factor].possible(switch.level))
    )


def advise_wanted(wanted: Wanted) -> Advice:
    """The same as `advise`, restricted to the experiments that may run."""
    from ironlaw.analysis.scheduling.dimension import dimension
    from ironlaw.analysis.scheduling.next_replicate import next_replicate
    from ironlaw.measure.recorder import Advice

    tests = bool(wanted.causes)
    return Advice(next_replicate=partial(next_replicate, wanted=wanted), dimension=partial(dimension, tests=tests))


def advise_by(adapt: Callable[[Recording], Plan]) -> Advice:
    """After each replicate, replace the plan by what `adapt` returns for the recording so far; add no experiments."""
    from dataclasses import replace

    from ironlaw.analysis.scheduling.dimension import dimension
    from ironlaw.analysis.scheduling.next_replicate import affordable, next_replicate
    from ironlaw.measure.recorder import Advice
    from ironlaw.recording import assemble

    def step(situation: Situation) -> NextReplicate:
        found = next_replicate(situation, None)
        if found.ending is not None or not situation.spent:
            return found
        return replace(found, plan=affordable(adapt(assemble(situation.facts)), situation))

    return Advice(next_replicate=step, dimension=partial(dimension, tests=False))


def advise_search() -> Advice:
    """Between the replicates of a search, choose the arms to retire and the arms to add."""
    import os

    cpus = len(os.sched_getaffinity(0))

    def adapt(recording: Recording) -> Plan:
        from ironlaw.analysis.verdicts.search import adapted

        return adapted(recording, cpus)

    return advise_by(adapt)
