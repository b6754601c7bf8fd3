"""The hot loop of a turn: it allocates nothing, and turns of a program that does nothing show its own cost."""

from __future__ import annotations

import time

from ironlaw.measure.meter import TurnMeter
from ironlaw.program import Program


def nothing(*arguments: object) -> None:
    """An inference that does nothing."""


def run(program: Program, meter: TurnMeter, inputs: list[tuple[object, ...]]) -> int:
    """The hot loop: the wall time in ns of one inference after the other, counters running."""
    infer = program.infer
    clock = time.perf_counter_ns
    meter.start()
    began_ns = clock()
    for arguments in inputs:
        infer(*arguments)
    ended_ns = clock()
    meter.stop()
    return ended_ns - began_ns


def run_paused(program: Program, meter: TurnMeter, inputs: list[tuple[object, ...]]) -> int:
    """The hot loop with something to do before each inference, for which clock and counters pause."""
    infer = program.infer
    clock = time.perf_counter_ns
    wall_ns = 0
    for arguments in inputs:
        for prepare in program.before_each:
            prepare()
        meter.start()
        began_ns = clock()
        infer(*arguments)
        wall_ns += clock() - began_ns
        meter.stop()
    return wall_ns
