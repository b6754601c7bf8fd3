"""How well instructions are counted: between replicates, and against `perf stat`. `python -m benchmarks.counting`.

perf counts whole processes, so a plain script is run with N and with 2N inferences: the difference is N of them,
without imports and warm-up. Both run the net as it is, autograd included. Wanted: replicates within 0.2 % of each
other, perf within 1 % (2 % with two threads).
Without a PMU there is nothing to count, and the reason is printed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import ironlaw
from ironlaw.analysis.summaries import total_column
from ironlaw.analysis.turns import ArmTurns, turns_of
from ironlaw.arm import Arm
from ironlaw.attached.perf_format import parse
from ironlaw.machine.inspection import inspect_machine
from ironlaw.measure.pmu.known_answer import check_counters
from ironlaw.measure.pmu.perf_event import SyscallKernel
from ironlaw.measure.process_start import threading_environment
from ironlaw.missing import Missing
from ironlaw.plan import Plan, Schedule
from ironlaw.variant import GIVEN, PRECISION, Variant

TINY = Path(__file__).parent / "tiny.py"
PLAIN = """
import sys
sys.path.insert(0, sys.argv[1])
import torch
from tiny import net
torch.set_num_threads(int(sys.argv[2]))
model, inputs = net()
for _ in range(int(sys.argv[3])):
    model(*inputs)
"""


def per_replicate(turns: ArmTurns) -> list[float] | Missing:
    """Instructions per inference in each replicate, user and kernel mode together."""
    column = total_column(turns, "instructions")
    if isinstance(column, Missing):
        return column
    replicate = turns.replicate[column.turn]
    return [float(column.value[replicate == number].mean()) for number in sorted(set(replicate.tolist()))]


def by_ironlaw(threads: int) -> list[float] | Missing:
    """What five replicates count."""
    arm = Arm(name="net", variant=Variant.of({PRECISION: GIVEN}), factory=f"{TINY}:net")
    schedule = Schedule(replicates=5, rounds=10, inferences=5000, budget_s=None)
    plan = Plan(model="tiny", arms=(arm,), schedule=schedule, threads=threads)
    with tempfile.TemporaryDirectory() as folder:
        return per_replicate(turns_of(ironlaw.record(plan, Path(folder) / "counting.jsonl"))["net"])


def by_perf(threads: int, *, inferences: int = 2000) -> float | Missing:
    """Instructions per inference by two runs of perf stat around the plain script."""
    counted = []
    for repeats in (inferences, 2 * inferences):
        script = [sys.executable, "-c", PLAIN, str(TINY.parent), str(threads), str(repeats)]
        counting = ["perf", "stat", "-e", "instructions", *script]
        # Spinning at a barrier is counted: two threads on one CPU spin for 7 of 8 instructions, if set by OpenMP's
        # variable, and for 2 % of them if set by torch.set_num_threads alone.
        environment = {**os.environ, **threading_environment(threads)}
        done = subprocess.run(counting, capture_output=True, text=True, check=True, env=environment)
        values = [one.value for one in parse(done.stderr, named="perf").counted if one.event == "instructions"]
        if not values or isinstance(values[0], Missing):
            return values[0] if values else Missing("perf printed no instructions")
        counted.append(values[0])
    return (counted[1] - counted[0]) / inferences


def main() -> None:
    """Print both, or why there is nothing to print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    machine = inspect_machine()
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    check = check_counters(SyscallKernel(), wanted=True, machine=machine)
    os.sched_setaffinity(0, allowed)
    if isinstance(check.slots, Missing):
        print(f"nothing can be counted here: {check.slots.reason}")
        return
    counted = by_ironlaw(threads)
    if isinstance(counted, Missing):
        print(f"nothing was counted: {counted.reason}")
        return
    mean = statistics.fmean(counted)
    print(f"ironlaw: {mean:.6g} instructions an inference; replicates differ by {max(counted) / min(counted) - 1:.3%}")
    if shutil.which("perf") is None:
        print("no perf on the path: not compared with it")
        return
    perf = by_perf(threads)
    print(f"perf: {perf.reason}" if isinstance(perf, Missing) else f"perf: {perf:.6g}, ironlaw {mean / perf - 1:+.2%}")


if __name__ == "__main__":
    main()
