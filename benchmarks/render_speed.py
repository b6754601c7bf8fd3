"""How long a report takes: drawing a default one and one of 1000 layers, or all that a user waits for.

    python -m benchmarks.render_speed [--times N] [--recording FILE]

Limits of the project: 2 s and 5 s. The default one has the comparisons, causes and 18 arms of a default run. With a
recording the whole command is timed on it instead: starting, reading, explaining, drawing, writing.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.report import explanations
from tests.report.recordings import recording

from ironlaw.explanation import Explanation
from ironlaw.report.html import render


def default_report() -> Explanation:
    """Four arms, a control, thirteen arms of experiments."""
    whole = explanations.with_pmu()
    names = [f"fp32+malloc=retain+threads={place}" for place in range(2, 13)]
    added = ("fp32+malloc=retain", "fp32+weights=aliased", *names)
    plan = explanations.plan("fp32", "fp32+fused", "int8", "int8+fused", added=added)
    return replace(whole, plan=plan, arms=(*whole.arms, *(explanations.arm(name, 19.0) for name in names)))


def deep_report() -> Explanation:
    """The same with a ledger of 1000 layers in one comparison."""
    whole = default_report()
    deep = replace(whole.comparisons[2], ledger=explanations.ledger(1000))
    return replace(whole, comparisons=(*whole.comparisons[:2], deep, *whole.comparisons[3:]))


def drawn(times: int) -> None:
    """Draw each report repeatedly in this process."""
    makers: tuple[tuple[str, Callable[[], Explanation]], ...] = (("default", default_report), ("deep", deep_report))
    for name, make in makers:
        explanation = make()
        read = recording(explanation)
        took, page = [], ""
        for _ in range(times):
            began = time.perf_counter()
            page = render(explanation, read)
            took.append(time.perf_counter() - began)
        report(name, took, len(page.encode()))


def commanded(recording_file: Path, times: int) -> None:
    """Run `ironlaw report` repeatedly, each time in a new process."""
    with tempfile.TemporaryDirectory() as folder:
        page, took = Path(folder) / "report.html", []
        for _ in range(times):
            began = time.perf_counter()
            command = [sys.executable, "-m", "ironlaw", "report", str(recording_file), "-o", str(page)]
            subprocess.run(command, check=True, capture_output=True)
            took.append(time.perf_counter() - began)
        report(f"ironlaw report {recording_file.name}", took, page.stat().st_size)


def report(name: str, took: list[float], page_bytes: int) -> None:
    """The median, the longest, the first, and the size of the page."""
    print(
        f"{name}: median {statistics.median(took):.2f} s, longest {max(took):.2f} s, "
        f"first {took[0]:.2f} s, {page_bytes / 1e6:.2f} MB"
    )


def main() -> None:
    """Time the drawing, or the command on a recording."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--recording", type=Path)
    chosen = parser.parse_args()
    if chosen.recording is None:
        drawn(chosen.times)
    else:
        commanded(chosen.recording, chosen.times)


if __name__ == "__main__":
    main()
