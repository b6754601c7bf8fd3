"""The flips of a network's heaviest blocks: how many of them have an interval that says something.

    python -m benchmarks.flips [--budget 150] [--model mobilenet_v2]

First a short run with layers, then `ironlaw layers --flip` of the six heaviest blocks. Wanted: at least half of the
flips with an interval that excludes zero or lies within 0.5 ms.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figures import explained, machine, measured, parsed, share_of

SMALL_MS = 0.5


def says_something(flip: dict[str, Any]) -> bool:
    """Whether an interval in milliseconds excludes zero or lies within SMALL_MS."""
    if "low" not in flip:
        return False
    low, high = float(flip["low"]), float(flip["high"])
    return low > 0 or high < 0 or (low >= -SMALL_MS and high <= SMALL_MS)


def main() -> None:
    """Record, flip and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=150.0)
    parser.add_argument("--model", default="mobilenet_v2")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        first, out = Path(folder) / "first.jsonl", Path(folder) / "flips.jsonl"
        measured([given.model, "--arms", "fp32+fused,int8+fused", "--experiments", "none", "--budget", "60"], first)
        command = [sys.executable, "-m", "ironlaw", "layers", str(first), "--flip", "--json", "--out", str(out)]
        found = parsed([*command, "--budget", f"{given.budget:g}"])
        document = explained(out)
    flips = [row[name] for row in found["flips"] for name in ("alone_ms", "left_float_ms")]
    run = document["run"]
    print(machine(document))
    print(f"{run['wall_s']:.1f} s, {run['replicates']} replicates; {share_of(run)}")
    print(f"{sum(map(says_something, flips))} of {len(flips)} flips exclude zero or lie within ±{SMALL_MS} ms")


if __name__ == "__main__":
    main()
