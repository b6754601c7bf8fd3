"""What the benchmarks of whole runs print of a run's JSON: the machine, shares of the wall time, speed-ups."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Document = dict[str, Any]


def measured(arguments: Sequence[str], out: Path) -> Document:
    """What `ironlaw run` with these arguments prints as JSON; its recording is written to `out`."""
    command = [sys.executable, "-m", "ironlaw", "run", *arguments, "--out", str(out), "--json"]
    return parsed(command)


def explained(recording: Path) -> Document:
    """What `ironlaw explain` prints of a recording as JSON."""
    return parsed([sys.executable, "-m", "ironlaw", "explain", str(recording), "--json"])


def parsed(command: Sequence[str]) -> Document:
    """The JSON that a command prints."""
    made: Document = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return made


def machine(document: Document) -> str:
    """The machine's name and its CPUs."""
    about = document["machine"]
    return f"{about['cpu']}, {len(about['cpus_allowed'])} CPUs"


def share_of(run: Mapping[str, Any]) -> str:
    """The share of the wall time after preparing that went into counted inferences, then what the rest went into."""
    after_s = run["wall_s"] - run["spent"].get("preparing", 0.0)
    rest = sorted(run["spent"].items(), key=lambda item: -item[1])
    listed = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in rest if seconds >= 0.1)
    return f"counted {run['counted_s'] / after_s:.0%} of {after_s:.1f} s after preparing ({listed})"


def speed_up(document: Document, arm: str) -> str:
    """How many times as fast as the control an arm is, with the half-width of the interval as a share."""
    for comparison in document["comparisons"]:
        if comparison["changed"] == arm:
            return half_width(comparison["speedup"])
    return "not compared"


def half_width(speed_up: Mapping[str, Any]) -> str:
    """A speed-up with its interval, and the half-width of that on the logarithm."""
    if "low" not in speed_up:
        return f"no interval: {speed_up.get('missing', 'one replicate')}"
    value, low, high = speed_up["value"], speed_up["low"], speed_up["high"]
    if not isinstance(low, float) or not isinstance(high, float):
        return f"{value:.3g}x, no interval"
    half = math.sqrt(high / low) - 1 if low > 0 else math.inf
    return f"{value:.3g}x [{low:.3g}, {high:.3g}], ±{half:.1%}"
