"""What twins are for: how far the same program differs from itself, forked or in separate processes.

    python -m benchmarks.twins --model mobilenet_v2 --pairs 6

Twins: each replicate forks both from one interpreter, and they take turns. Separate: each has an interpreter of its
own, one after the other, as a script a run gives. Printed is the standard deviation between pairs of
ln(first/second).
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
from pathlib import Path

import numpy as np

import ironlaw
from ironlaw.analysis.statistics.paired import mean_by, pair
from ironlaw.analysis.turns import ArmTurns, turns_of
from ironlaw.arm import Arm
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.recording import Recording
from ironlaw.variant import GIVEN, PRECISION, Variant


def arm_of(model: str) -> Arm:
    """fp32 of a model known by name, or a program of one's own (FILE.py:FACTORY)."""
    if ":" in model:
        return Arm(name="own", variant=Variant.of({PRECISION: GIVEN}), factory=model)
    return Arm.of("fp32")


def recorded(model: str, arms: tuple[Arm, ...], *, replicates: int, inferences: int) -> Recording:
    """That many replicates, with the same work in each."""
    schedule = Schedule(replicates=replicates, rounds=10, inferences=inferences * replicates, budget_s=None)
    plan = Plan(model=model.partition(":")[0], arms=arms, schedule=schedule)
    with tempfile.TemporaryDirectory() as folder:
        return ironlaw.record(plan, Path(folder) / "twins.jsonl")


def means(turns: ArmTurns) -> list[float]:
    """Per replicate, the mean over rounds of ln(wall)."""
    replicates = np.unique(turns.replicate)
    return [float(value) for value in mean_by(turns.replicate, np.log(turns.wall_ns), replicates)]


def faults(recording: Recording) -> str:
    """The range of page faults per inference over replicates, which the memory layout decides."""
    found: dict[int, list[float]] = {}
    for reading in recording.readings:
        found.setdefault(reading.replicate, []).append(reading.minor_faults / reading.inferences)
    per_replicate = [statistics.fmean(values) for values in found.values()]
    return f"{min(per_replicate):.0f} to {max(per_replicate):.0f} page faults an inference"


def main() -> None:
    """Record both ways and print the spreads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mobilenet_v2")
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--inferences", type=int, default=60, help="per arm and replicate")
    given = parser.parse_args()
    arm = arm_of(given.model)
    together = recorded(given.model, with_control((arm,)), replicates=given.pairs, inferences=given.inferences)
    tables = turns_of(together)
    twins = [float(ratio) for ratio in pair(tables[arm.name], tables[arm.again().name]).ln_ratios]
    apart = recorded(given.model, (arm,), replicates=2 * given.pairs, inferences=given.inferences)
    single = means(turns_of(apart)[arm.name])
    separate = [first - second for first, second in zip(single[::2], single[1::2], strict=True)]
    for name, ratios, recording in (("twins", twins, together), ("separate", separate, apart)):
        spread = statistics.stdev(ratios)
        print(f"{name:9} {len(ratios)} pairs: spread of ln(first/second) {spread:.2%}; {faults(recording)}")
    ratio = statistics.variance(separate) / statistics.variance(twins)
    print(f"separate processes differ {math.sqrt(ratio):.1f} times as much")


if __name__ == "__main__":
    main()
