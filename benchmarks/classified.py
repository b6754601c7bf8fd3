"""What each arm executes by category, and what no rule takes: `python -m benchmarks.classified MODEL --arms A,B`.

Each arm is prepared and loaded in a process of its own, and sampled for some seconds of CPU time. Instructions are the
classes of loops that multiply and add: an arm below a cap (`int8@compiled+isa=avx2`) has none above it. The last column
is *other*, with its largest symbols: what a rule in analysis/account/categories.py is missing for.

With --recording, the arms of a run instead: it prepares and loads in different processes, which a cap in OpenVINO
needs, and what no rule takes is judged by the layers it ran in.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ironlaw.analysis.account.executed import code_of, sampled
from ironlaw.analysis.account.kernels import categorised
from ironlaw.code import LoopWork
from ironlaw.engines import ENGINES, engine
from ironlaw.explanation.account import Category
from ironlaw.factors import FACTORS
from ironlaw.measure.messages import CodeTurn
from ironlaw.measure.sampling.resolver import Resolver
from ironlaw.measure.sampling.symbols import perf_map_path
from ironlaw.measure.sampling.turns import CodeReader, open_sampler
from ironlaw.missing import Missing
from ironlaw.models import open_model, saved, torch_use
from ironlaw.recording import Recording, load
from ironlaw.variant import ENGINE, Variant

ARMS = (
    "fp32,int8+fused,fp32@torchscript,fp32@compiled,int8@compiled,fp32@onnxruntime,int8@onnxruntime,fp32@openvino,"
    "int8@openvino"
)
PERIOD_NS, SAMPLED_S = 1_000_003, 3.0
SHOWN, NAMED = 3, 3
MULTIPLYING = {LoopWork.INTEGER_MULTIPLY_ADD: "int", LoopWork.MULTIPLY_ADD: "float"}


def sample(model_name: str, arm: str, seconds: float) -> dict[str, object]:
    """Samples of one arm: how many, the shares of its categories, and the largest pieces of code that no rule takes."""
    warnings.simplefilter("ignore")
    if torch_use.is_installed():
        import torch

        torch.set_num_threads(1)
    variant = Variant.parse(arm)
    name = variant.level(ENGINE)
    for factor, level in variant.changed:
        FACTORS[factor].enter(level)
    os.environ.update(ENGINES[name].names_code)
    model, by = open_model(model_name, images=None, batch=1, seed=0), engine(name)
    with tempfile.TemporaryDirectory() as folder:
        saved.save(model, Path(folder))
        prepared = by.prepare(variant, model, Path(folder), threads=1)
        program = by.load(variant, prepared, saved.load(Path(folder)), threads=1)
        sampler = open_sampler(PERIOD_NS)
        if isinstance(sampler, Missing):
            return {"missing": sampler.reason}
        reader = CodeReader(program, arm, 0, resolver=Resolver(perf_map_path()), sampler=sampler)
        with program.guard():
            for _ in range(5):
                program.answer(*program.inputs[0])
            began_s = time.process_time()  # of all threads: a busy machine leaves it as it is
            program.answer(*program.inputs[0])
            count = max(1, math.ceil(seconds / (time.process_time() - began_s)))
            fact = reader.turn(CodeTurn(round=0, inferences=count), [program.inputs[0]] * count)
    perf_map_path().unlink(missing_ok=True)
    if isinstance(fact.sites, Missing):
        return {"missing": fact.sites.reason}
    categories: Counter[str] = Counter()
    classes: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for site, category in categorised(fact.sites):
        categories[category.value] += site.count
        if site.work in MULTIPLYING:
            classes[f"{site.instructions.value} {MULTIPLYING[site.work]}"] += site.count
        if category is Category.OTHER:
            code = code_of(site, category)
            others[f"{code.object} {code.name} ({code.instructions.value}, {code.work.value})"] += site.count
    total = categories.total()
    return {
        "samples": total,
        "categories": {name: count / total for name, count in categories.most_common()},
        "classes": {name: count / total for name, count in classes.most_common()},
        "others": {name: count / total for name, count in others.most_common(NAMED)},
    }


def recorded(recording: Recording, arm: str) -> dict[str, object]:
    """The same of an arm's sampling turns in a run, by shares of its time."""
    found = sampled(recording, arm, None)
    if isinstance(found, Missing):
        return {"missing": found.reason}
    classes: dict[str, float] = defaultdict(float)
    others: dict[str, float] = defaultdict(float)
    for code, share in found.executed.code:
        if code.work in MULTIPLYING:
            classes[f"{code.instructions.value} {MULTIPLYING[code.work]}"] += share
        if code.category is Category.OTHER:
            others[f"{code.object} {code.name} ({code.instructions.value}, {code.work.value})"] += share
    categories = {category.value: share for category, share in found.executed.categories.items()}
    return {
        "samples": found.executed.samples,
        "categories": _largest_first(categories),
        "classes": _largest_first(classes),
        "others": dict(list(_largest_first(others).items())[:NAMED]),
    }


def _largest_first(shares: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def row(arm: str, found: dict[str, Any]) -> str:
    """An arm's row of the table."""
    if "missing" in found:
        return f"| `{arm}` | | {found['missing']} | | |"
    shares = found["categories"]
    largest = ", ".join(f"{name} {share:.0%}" for name, share in list(shares.items())[:SHOWN])
    by = ", ".join(f"{name} {share:.1%}" for name, share in found["classes"].items())
    named = "; ".join(f"{name} {share:.1%}" for name, share in found["others"].items())
    other = f"{shares.get(Category.OTHER.value, 0.0):.1%}{f': {named}' if named else ''}"
    return f"| `{arm}` | {found['samples']} | {largest} | {by} | {other} |"


def main() -> None:
    """Print one row of a table for each arm."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="mobilenet_v2")
    parser.add_argument("--arms", default=ARMS)
    parser.add_argument("--seconds", type=float, default=SAMPLED_S, help="sampled CPU time of each arm")
    parser.add_argument("--recording", type=Path, help="of a run, whose arms are shown")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(sample(given.model, given.one, given.seconds)))
        return
    print("| arm | samples | largest categories | multiply-adds by | other |\n|---|---|---|---|---|")
    if given.recording:
        recording = load(given.recording)
        for one in recording.plan.asked():
            print(row(one.name, recorded(recording, one.name)))
        return
    failed = False
    for arm in given.arms.split(","):
        command = [sys.executable, "-m", "benchmarks.classified", given.model, "--one", arm]
        ended = subprocess.run([*command, "--seconds", str(given.seconds)], capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            print(f"| `{arm}` | | failed: {ended.stderr.strip().splitlines()[-1]} | | |")
            failed = True
            continue
        print(row(arm, json.loads(ended.stdout.splitlines()[-1])), flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
