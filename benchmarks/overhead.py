"""What measuring costs an inference: with the meter against a bare loop. `python -m benchmarks.overhead`.

One process, the same inferences as a turn of the meter and as a bare loop, in random order within each block. Where
a PMU works, a third kind of turn counts with it. Where none does, that is reported, and a group of software
events is opened, switched and read in its place: all that counting costs but writing and reading the PMU's registers.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import statistics
import time
from collections.abc import Callable

from benchmarks.tiny import net
from ironlaw.analysis.statistics.interval import rank_interval
from ironlaw.estimate import Estimate
from ironlaw.event import (
    CACHE_MISSES,
    CACHE_REFERENCES,
    CONTEXT_SWITCHES,
    CYCLES,
    INSTRUCTIONS,
    MIGRATIONS,
    PAGE_FAULTS,
    TASK_CLOCK,
    Event,
    EventGroup,
)
from ironlaw.machine.inspection import inspect_machine
from ironlaw.measure.hardware_meter import HardwareMeter
from ironlaw.measure.hot_loop import run
from ironlaw.measure.meter import ClockMeter, TurnMeter, meter_for
from ironlaw.measure.pmu.known_answer import check_counters
from ironlaw.measure.pmu.perf_event import Opened, SyscallKernel
from ironlaw.missing import Missing
from ironlaw.program import Program

BLOCKS = 1000
INFERENCES = 90  # a turn of 14 ms on a Zen 4
STAND_INS = {
    INSTRUCTIONS: TASK_CLOCK,
    CYCLES: PAGE_FAULTS,
    CACHE_REFERENCES: CONTEXT_SWITCHES,
    CACHE_MISSES: MIGRATIONS,
}


class SoftwareKernel(SyscallKernel):
    """Opens an event that the kernel counts by itself wherever one of the PMU is requested."""

    def open(self, event: Event, *, thread: int, leader: int) -> Opened:
        """Open the event's stand-in."""
        return super().open(STAND_INS[event], thread=thread, leader=leader)


def bare(program: Program) -> Callable[[], tuple[float, float]]:
    """A turn without a meter: ns of the inferences, and of all of it."""

    def turn() -> tuple[float, float]:
        inputs = program.inputs * INFERENCES
        infer, clock = program.infer, time.perf_counter_ns
        began_ns = clock()
        for arguments in inputs:
            infer(*arguments)
        took_ns = clock() - began_ns
        return took_ns, took_ns

    return turn


def metered(program: Program, meter: TurnMeter, group: int) -> Callable[[], tuple[float, float]]:
    """A turn as an arm takes it."""
    meter.attach()

    def turn() -> tuple[float, float]:
        inputs = program.inputs * INFERENCES
        began_ns = time.perf_counter_ns()
        meter.begin(group)
        inside_ns = run(program, meter, inputs)
        meter.finish()
        return inside_ns, time.perf_counter_ns() - began_ns

    return turn


def compare(kinds: dict[str, Callable[[], tuple[float, float]]], *, blocks: int) -> None:
    """Run the kinds of turn against each other and print the ratios to the bare one."""
    rng = random.Random(0)
    inside: dict[str, list[float]] = {name: [] for name in kinds}
    whole: dict[str, list[float]] = {name: [] for name in kinds}
    for block in range(blocks + 20):
        for name in rng.sample(list(kinds), len(kinds)):
            inside_ns, whole_ns = kinds[name]()
            if block >= 20:
                inside[name].append(math.log(inside_ns))
                whole[name].append(math.log(whole_ns))
    reference, *others = kinds
    middle_ms = math.exp(statistics.median(inside[reference])) / INFERENCES / 1e6
    print(f"{blocks} blocks of {INFERENCES} inferences of {middle_ms:.3f} ms each")
    for name in others:
        # Ranks: one turn in some hundred meets something else on the CPU, and would decide a mean.
        seen = rank_interval([mine - theirs for mine, theirs in zip(inside[name], inside[reference], strict=True)])
        cost_us = statistics.median(
            (math.exp(all_of_it) - math.exp(within)) / 1e3
            for all_of_it, within in zip(whole[name], inside[name], strict=True)
        )
        print(f"{name}: time per inference against {reference} {_percent(seen)} (wanted: within ±0.5 %)")
        print(f"{name}: reading around a turn takes {cost_us:.1f} µs, outside the clock")


def _percent(found: Estimate | Missing) -> str:
    if isinstance(found, Missing):
        return found.reason
    return f"{found.value:+.2%} [{found.low:+.2%}, {found.high:+.2%}]"


def main() -> None:
    """Compare the meters that work here with the bare loop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=BLOCKS)
    blocks = parser.parse_args().blocks
    import torch

    torch.set_num_threads(1)
    machine = inspect_machine()
    os.sched_setaffinity(0, {max(machine.cpus_allowed)})
    model, inputs = net()
    program = Program(infer=model, inputs=[inputs])
    check = check_counters(SyscallKernel(), wanted=True, machine=machine)
    with torch.inference_mode():
        kinds = {"bare loop": bare(program), "clock-only meter": metered(program, ClockMeter(), -1)}
        if isinstance(check.slots, Missing):
            print(f"no turn with counters: {check.slots.reason}")
            kinds["meter with software events"] = metered(
                program, HardwareMeter((EventGroup(tuple(STAND_INS)),), kernel=SoftwareKernel()), 0
            )
        else:
            kinds["meter with counters"] = metered(program, meter_for(check), 0)
        compare(kinds, blocks=blocks)


if __name__ == "__main__":
    main()
