"""How narrow the interval on a ratio is, against pyperf's at equal wall time.

    python -m benchmarks.pyperf_width pyperf fp32          # one command per arm, with pyperf's defaults
    python -m benchmarks.pyperf_width pyperf int8+fused
    python -m benchmarks.pyperf_width ironlaw              # both arms, in as much time as the two took
    python -m benchmarks.pyperf_width show

Each command leaves its result in --folder, so that the machine can be used in between. pyperf's interval is Welch's
on the means of its processes (its own `compare_to` tests the same values); ironlaw's is the one it prints.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import ironlaw
from ironlaw.analysis.statistics.interval import t_quantile
from ironlaw.arm import Arm
from ironlaw.estimate import Estimate
from ironlaw.missing import Missing
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.running.planning import MOST_REPLICATES

ARMS = ("fp32", "int8+fused")
# Run by pyperf in each of its processes: prepares nothing, loads what was prepared once.
SCRIPT = """
import sys
import pyperf
folder, name = sys.argv[1:3]
del sys.argv[1:3]
runner = pyperf.Runner(program_args=[__file__, folder, name])
args = runner.parse_args()
if args.worker:
    import torch
    from ironlaw.engines import engine
    from ironlaw.models import saved
    from ironlaw.program import PreparedModel
    from ironlaw.variant import ENGINE, Variant
    import json, pathlib
    torch.set_num_threads(1)
    variant = Variant.parse(name)
    prepared = PreparedModel(**json.loads((pathlib.Path(folder) / "prepared.json").read_text()))
    program = engine(variant.level(ENGINE)).load(variant, prepared, saved.load(pathlib.Path(folder)))
    guard = program.guard()
    guard.__enter__()
    infer, inputs = program.infer, program.inputs[0]
    runner.bench_func("inference", infer, *inputs)
else:
    runner.bench_func("inference", lambda: None)
"""


def prepare(arm: str, folder: Path) -> None:
    """Make and save the arm's model, once."""
    import dataclasses

    import torch

    from ironlaw.engines import engine
    from ironlaw.models import open_model, saved
    from ironlaw.variant import ENGINE, Variant

    if (folder / "prepared.json").exists():
        return
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    variant = Variant.parse(arm)
    model = open_model("mobilenet_v2", images=None, batch=1, seed=0)
    saved.save(model, folder)
    prepared = engine(variant.level(ENGINE)).prepare(variant, model, folder)
    (folder / "prepared.json").write_text(json.dumps(dataclasses.asdict(prepared)), encoding="utf-8")


def by_pyperf(arm: str, folder: Path) -> None:
    """Run pyperf on one arm with its defaults, and keep its values and how long it took."""
    own = folder / arm
    prepare(arm, own)
    script, out = folder / "script.py", folder / f"{arm}.pyperf.json"
    script.write_text(SCRIPT, encoding="utf-8")
    out.unlink(missing_ok=True)
    began_s = time.perf_counter()
    subprocess.run([sys.executable, str(script), str(own), arm, "-o", str(out)], check=True)
    took_s = time.perf_counter() - began_s
    runs = json.loads(out.read_text(encoding="utf-8"))["benchmarks"][0]["runs"]
    means = [float(np.mean(run["values"])) for run in runs if run.get("values")]
    keep(folder, arm, {"took_s": took_s, "process_means_s": means})


def by_ironlaw(folder: Path) -> None:
    """Record both arms in the time that pyperf took for both."""
    took_s = sum(kept(folder, arm)["took_s"] for arm in ARMS)
    plan = Plan(
        model="mobilenet_v2",
        arms=with_control(tuple(map(Arm.of, ARMS))),
        schedule=Schedule(replicates=MOST_REPLICATES, rounds=10, budget_s=took_s),
    )
    out = folder / "ironlaw.jsonl"
    out.unlink(missing_ok=True)
    began_s = time.perf_counter()
    (comparison,) = ironlaw.explain(ironlaw.record(plan, out)).comparisons
    estimate = comparison.ln_ratio
    assert isinstance(estimate, Estimate), estimate
    found: dict[str, float | str] = {
        "ln": estimate.value,
        "half": estimate.half_width,
        "replicates": len(comparison.replicates),
    }
    if isinstance(comparison.adjusted, Estimate):
        found |= {"covariate": comparison.covariate, "adjusted_half": comparison.adjusted.half_width}
    keep(folder, "ironlaw", {"took_s": time.perf_counter() - began_s, **found})


def keep(folder: Path, name: str, result: dict[str, Any]) -> None:
    """Write a result down for `show`."""
    (folder / f"{name}.result.json").write_text(json.dumps(result), encoding="utf-8")


def kept(folder: Path, name: str) -> Any:
    """A result of an earlier command."""
    file = folder / f"{name}.result.json"
    if not file.exists():
        sys.exit(f"{file} is not there: run the commands in their order")
    return json.loads(file.read_text(encoding="utf-8"))


def welch(first: list[float], second: list[float]) -> Estimate | Missing:
    """ln(first/second) of the mean logarithms, with Welch's interval."""
    if min(len(first), len(second)) < 2:
        return Missing("one process is no sample")
    logs = [np.log(values) for values in (first, second)]
    errors = [float(values.var(ddof=1)) / len(values) for values in logs]
    degrees = sum(errors) ** 2 / sum(error**2 / (len(values) - 1) for error, values in zip(errors, logs, strict=True))
    value = float(logs[0].mean() - logs[1].mean())
    half = t_quantile(degrees, 0.975) * math.sqrt(sum(errors))
    return Estimate(value=value, low=value - half, high=value + half)


def show(folder: Path) -> None:
    """Both intervals, and how many times as wide pyperf's is."""
    control, changed, own = (kept(folder, name) for name in (*ARMS, "ironlaw"))
    found = welch(control["process_means_s"], changed["process_means_s"])
    assert isinstance(found, Estimate), found
    took_s = control["took_s"] + changed["took_s"]
    print(f"{ARMS[0]} against {ARMS[1]}, half-width of the 95 % interval on ln(time ratio)")
    count = len(control["process_means_s"])
    print(f"pyperf : {math.exp(found.value):.3f}x, ±{found.half_width:.2%}, 2 x {count} processes in {took_s:.0f} s")
    print(
        f"ironlaw: {math.exp(own['ln']):.3f}x, ±{own['half']:.2%}, "
        f"{own['replicates']} replicates with a control arm beside in {own['took_s']:.0f} s"
    )
    print(f"pyperf's is {found.half_width / own['half']:.1f} times as wide (wanted: 5)")
    if "covariate" in own:
        half = own["adjusted_half"]
        print(f"ironlaw at the mean of {own['covariate']}: ±{half:.2%}, {found.half_width / half:.1f} times")


def main() -> None:
    """One of the four commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pyperf", "ironlaw", "show"))
    parser.add_argument("arm", nargs="?", choices=ARMS, default=ARMS[0])
    parser.add_argument("--folder", type=Path, default=Path("pyperf-width"))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    match given.what:
        case "pyperf":
            by_pyperf(given.arm, given.folder)
        case "ironlaw":
            by_ironlaw(given.folder)
        case _:
            show(given.folder)


if __name__ == "__main__":
    main()
