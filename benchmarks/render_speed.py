"""How long a report takes to draw: a default one, and one of 1000 layers.

    python -m benchmarks.render_speed [--times N]

Limits of the project: 2 s and 5 s. The default one has the comparisons, causes and 18 arms of a default run.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

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


def main() -> None:
    """Print the median, the longest, and the size of the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=7)
    times = parser.parse_args().times
    makers: tuple[tuple[str, Callable[[], Explanation]], ...] = (("default", default_report), ("deep", deep_report))
    for name, make in makers:
        explanation = make()
        read = recording(explanation)
        took, page = [], ""
        for _ in range(times):
            began = time.perf_counter()
            page = render(explanation, read)
            took.append(time.perf_counter() - began)
        print(
            f"{name}: median {statistics.median(took):.2f} s, longest {max(took):.2f} s, "
            f"first {took[0]:.2f} s, {len(page) / 1e6:.2f} MB"
        )


if __name__ == "__main__":
    main()
