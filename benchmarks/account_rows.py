"""How often accounts call equal arms different, and their intervals hold. `python -m benchmarks.account_rows`.

Simulated: eleven categories, of 33 to 1 % of the time, and samples drawn by them. Each replicate's shares scatter
around the true ones by nothing, by 20 %, or by 5 to 50 % depending on the category; its times by 3 % in common and
1.5 % of each arm. The arms are equal, or five categories of the changed one take half or less of their time.

With recordings: each arm's replicates are divided at random into two halves, which are compared as two arms.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ironlaw.analysis.account.difference import account
from ironlaw.analysis.account.executed import Sampled, sampled
from ironlaw.analysis.turns import Floats
from ironlaw.explanation.account import Account, Category, Executed
from ironlaw.missing import Missing, is_known
from ironlaw.recording import load

CATEGORIES = tuple(Category)[:11]
SHARES = np.array([0.33, 0.18, 0.12, 0.10, 0.08, 0.06, 0.04, 0.03, 0.03, 0.02, 0.01])
SPREADS = {
    "none": np.zeros(11),
    "20 %": np.full(11, 0.2),
    "5 to 50 %": np.array([0.05, 0.1, 0.1, 0.3, 0.1, 0.5, 0.1, 0.3, 0.2, 0.3, 0.4]),
}
KEPT = np.array([0.5, 1, 0.3, 1, 0.5, 1, 0.2, 1, 1, 1, 0])  # of a category's time, where the arms differ
SAMPLES = 45  # in a replicate, on average: what arms of MobileNetV2 had in default runs
REPLICATES = (2, 3, 5, 8, 12)
WALL_NS = 1e7
NOTHING = Executed(
    samples=0, replicates=0, classes={}, categories={}, code=(), integer_samples=0, float_samples=0,
    adds=Missing("simulated"), kernel_seen=True,
)  # fmt: skip


@dataclass(slots=True)
class Tally:
    """What was seen of comparisons."""

    comparisons: int = 0
    with_any: int = 0  # row whose interval excludes its true saving
    rows: int = 0
    excluding: int = 0  # their true saving
    differing: int = 0  # rows that do
    found: int = 0  # of these, shown to

    def add(self, found: Account, true_ns: dict[Category, float]) -> None:
        """One account, of savings that are known."""
        wrong = [row for row in found.rows if row.saved_ns.excludes(true_ns[row.category])]
        differing = [row for row in found.rows if true_ns[row.category]]
        self.comparisons += 1
        self.with_any += bool(wrong)
        self.rows += len(found.rows)
        self.excluding += len(wrong)
        self.differing += len(differing)
        self.found += sum(row.saved_ns.excludes(0.0) for row in differing)

    def __str__(self) -> str:
        said = f"any row in {self.with_any / self.comparisons:.1%} of {self.comparisons} comparisons, "
        said += f"{self.excluding / self.rows:.2%} of rows"
        return said + (f"; {self.found / self.differing:.0%} of differing rows shown" if self.differing else "")


def drawn(shares: Floats, spread: Floats, common: Floats, generator: np.random.Generator) -> tuple[Sampled, float]:
    """An arm's samples, and its time per inference by the clock, which the spread of replicates moves."""
    rows, counts, times = [], [], []
    for shift in common:
        weights = shares * np.exp(generator.normal(0, spread))
        count = max(30, int(generator.poisson(SAMPLES)))
        rows.append(generator.multinomial(count, weights / weights.sum()) / count)
        counts.append(count)
        times.append(weights.sum() * np.exp(shift + generator.normal(0, 0.015)))
    mean = float(np.exp(np.log(times).mean()))
    found = Sampled(
        replicates=tuple(range(len(common))),
        cells=tuple((category, None) for category in CATEGORIES),
        shares=np.array(rows),
        samples=tuple(counts),
        relative=np.array(times) / mean,
        executed=NOTHING,
    )
    return found, mean * WALL_NS


def simulated(replicates: int, spread: Floats, kept: Floats, *, runs: int) -> Tally:
    """Compare two drawn arms many times."""
    generator, tally = np.random.default_rng(18), Tally()
    middle = np.exp(np.square(spread) / 2)  # the mean of what scatters by factors
    true = dict(zip(CATEGORIES, SHARES * (1 - kept) * middle * WALL_NS, strict=True))
    for _ in range(runs):
        common = generator.normal(0, 0.03, replicates)
        one, one_ns = drawn(SHARES, spread, common, generator)
        other, other_ns = drawn(SHARES * kept, spread, common, generator)
        found = account(one, other, control_ns=one_ns, changed_ns=other_ns)
        if is_known(found):
            tally.add(found, true)
    return tally


def halves(arm: Sampled, rng: random.Random) -> tuple[Sampled, Sampled]:
    """An arm's replicates in two random halves, as two arms."""
    order = rng.sample(range(len(arm.replicates)), len(arm.replicates))
    size = len(order) // 2

    def of(places: list[int]) -> Sampled:
        return replace(
            arm,
            replicates=tuple(range(size)),
            shares=arm.shares[places],
            samples=tuple(arm.samples[place] for place in places),
            relative=arm.relative[places],
        )

    return of(order[:size]), of(order[size : 2 * size])


def sampled_arms(paths: list[Path]) -> Iterator[Sampled]:
    """Every arm with samples of four replicates or more."""
    for path in paths:
        recording = load(path)
        for name in sorted({fact.arm for fact in recording.code_samples}):
            found = sampled(recording, name, None)
            if is_known(found) and len(found.replicates) >= 4:
                yield found


def main() -> None:
    """Simulate, or divide the arms of recordings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="*", type=Path)
    parser.add_argument("--runs", type=int, default=400, help="comparisons of each kind")
    given = parser.parse_args()
    if given.recordings:
        rng, tally = random.Random(18), Tally()
        for arm in sampled_arms(given.recordings):
            for _ in range(given.runs):
                found = account(*halves(arm, rng), control_ns=WALL_NS, changed_ns=WALL_NS)
                if is_known(found):
                    tally.add(found, dict.fromkeys(Category, 0.0))
        print(f"random halves of one arm differ: {tally}")
        return
    for replicates in REPLICATES:
        for name, spread in SPREADS.items():
            for arms, kept in (("equal", np.ones(11)), ("different", KEPT)):
                tally = simulated(replicates, spread, kept, runs=given.runs)
                print(f"{replicates} replicates, spread {name}, {arms} arms: wrong in {tally}", flush=True)


if __name__ == "__main__":
    main()
