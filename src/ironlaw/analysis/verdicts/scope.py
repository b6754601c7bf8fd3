"""Arms that count their whole process: each inference's share of the start-up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ironlaw.analysis.turns import ArmTurns
from ironlaw.recording import Recording

WHOLE_PROCESS = "process"


def counted_in_scope(recording: Recording, tables: dict[str, ArmTurns]) -> dict[str, ArmTurns]:
    """The turns with start-up added to the arms that have scope=process: T/n = setup/n + t.

    Start-up is starting the interpreter, imports, loading the model, and warming up, as measured in each replicate; it
    counts as CPU time. n is the plan's --n, else what the arm ran in the replicate.
    """
    counted = {arm.name for arm in recording.plan.arms if arm.variant.level("scope") == WHOLE_PROCESS}
    return {
        name: _with_startup(recording, table) if name in counted and len(table) else table
        for name, table in tables.items()
    }


def _with_startup(recording: Recording, table: ArmTurns) -> ArmTurns:
    per_inference = np.zeros(len(table))
    for replicate, startup_ns in _startup_ns(recording, table.arm).items():
        turns = table.replicate == replicate
        over = recording.plan.schedule.inferences or int(table.inferences[turns].sum())
        per_inference[turns] = startup_ns / max(1, over)
    return replace(table, wall_ns=table.wall_ns + per_inference, cpu_ns=table.cpu_ns + per_inference)


def _startup_ns(recording: Recording, arm: str) -> dict[int, int]:
    """The time before the arm's first counted inference, by replicate; absent if the interpreter reported nothing."""
    interpreters = {fact.replicate: fact.start_ns for fact in recording.interpreters if arm in fact.arms}
    return {
        fact.replicate: interpreters[fact.replicate] + fact.load_ns + sum(fact.warm_up_ns)
        for fact in recording.started
        if fact.arm == arm and fact.replicate in interpreters
    }
