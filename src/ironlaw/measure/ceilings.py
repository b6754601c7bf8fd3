"""The ceilings of the machine by each number of threads that a plan needs them for, as far as time allows."""

from __future__ import annotations

from collections.abc import Iterator

from ironlaw.fact import Ceilings
from ironlaw.machine import Machine
from ironlaw.measure.stage import Stage
from ironlaw.plan import Plan


def ceilings_in_time(plan: Plan, stage: Stage, machine: Machine) -> Iterator[Ceilings]:
    """Measure them by the first number of threads, and by others until one would exceed its part of the budget."""
    began_s = stage.now_s()
    for done, threads in enumerate(plan.ceilings_due()):
        if done and not plan.schedule.affords_ceilings((stage.now_s() - began_s) * (done + 1) / done):
            return
        yield stage.measure_ceilings(machine, threads)
