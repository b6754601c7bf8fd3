"""How often intervals hold the truth, by simulation: the tables of docs/method.md. `python -m benchmarks.coverage`.

Recordings as in tests/analysis/test_coverage.py: variation of the replicate that twins share (10 %), variation of each
twin, noise of a turn (2 %, t with 3 degrees of freedom), a drift of 10 % through each replicate, random order;
10 rounds.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from tests.analysis.test_coverage import Rng, Variation, arms

from ironlaw.analysis.compare import absent, control_moved_by, difference_of, excusing_noise, has_moved, voids
from ironlaw.analysis.statistics.interval import rank_interval, t_interval, t_quantile
from ironlaw.analysis.statistics.modes import slow_mode
from ironlaw.analysis.statistics.paired import Pairs, pair
from ironlaw.analysis.statistics.stopping import FEWEST_REPLICATES, STOPPING_CONFIDENCE
from ironlaw.analysis.turns import Floats
from ironlaw.explanation import Comparison, Difference
from ironlaw.missing import is_known

SPREADS = (0.0, 0.02, 0.05)
RESAMPLES = 1000
EFFECT = 0.03

Bounds = tuple[float, float] | None
Interval = Callable[[Rng, Pairs], Bounds]


def by_t(_: Rng, pairs: Pairs) -> Bounds:
    """What ironlaw reports."""
    found = t_interval(pairs.ln_ratios)
    return (found.low, found.high) if is_known(found) else None


def by_rank(_: Rng, pairs: Pairs) -> Bounds:
    """The check beside it."""
    found = rank_interval(pairs.ln_ratios)
    return (found.low, found.high) if is_known(found) else None


def by_bootstrap(rng: Rng, pairs: Pairs) -> Bounds:
    """Hierarchical: replicates with replacement, then rounds within each; percentiles of the mean of means."""
    count = len(pairs.replicates)
    table = pairs.round_ln_ratio.reshape(count, -1)
    rounds = table.shape[1]
    chosen = rng.integers(0, count, (RESAMPLES, count))
    within = rng.integers(0, rounds, (RESAMPLES, count, rounds))
    means = table[chosen[:, :, None], within].mean(axis=(1, 2))
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def by_rounds(_: Rng, pairs: Pairs) -> Bounds:
    """What a benchmark does that knows iterations only: all rounds as one sample."""
    found = t_interval(pairs.round_ln_ratio)
    return (found.low, found.high) if is_known(found) else None


WAYS: dict[str, Interval] = {
    "t on replicate means": by_t,
    "ranks": by_rank,
    "bootstrap": by_bootstrap,
    "rounds only": by_rounds,
}


def coverage(variation: Variation, *, runs: int, seed: int) -> dict[str, float]:
    """For each way the share of simulated recordings whose interval holds the true effect; those with none are out."""
    rng = np.random.default_rng(seed)
    held = dict.fromkeys(WAYS, 0)
    made = dict.fromkeys(WAYS, 0)
    for _ in range(runs):
        pairs = pair(*arms(rng, variation, EFFECT))
        for name, interval in WAYS.items():
            bounds = interval(rng, pairs)
            made[name] += bounds is not None
            held[name] += bounds is not None and bounds[0] <= EFFECT <= bounds[1]
    return {name: held[name] / made[name] if made[name] else math.nan for name in WAYS}


def claims(variation: Variation, *, effect: float, runs: int, seed: int) -> float:
    """The share of recordings that call the arms different."""
    rng = np.random.default_rng(seed)
    found = (t_interval(pair(*arms(rng, variation, effect)).ln_ratios) for _ in range(runs))
    return sum(is_known(estimate) and estimate.excludes(0.0) for estimate in found) / runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a run stops, and how wide the reported interval is at least."""

    confidence: float
    at_least_goal: bool
    fewest: int = FEWEST_REPLICATES


RULES = {
    "95 %, as it is": Rule(confidence=0.95, at_least_goal=False, fewest=3),
    "95 %, from 6 on": Rule(confidence=0.95, at_least_goal=False),
    "97 %, goal reported": Rule(confidence=STOPPING_CONFIDENCE, at_least_goal=True),
}


def draw(rng: Rng, kind: str, spread: float, size: tuple[int, int]) -> Floats:
    """Replicate means around the truth: of one of these shapes, with that standard deviation."""
    match kind:
        case "normal":
            return spread * rng.standard_normal(size)
        case "t(3)":
            return spread * rng.standard_t(3, size) / math.sqrt(3)
        case "uniform":
            return spread * math.sqrt(12) * (rng.random(size) - 0.5)
        case _:
            return spread * np.sign(rng.random(size) - 0.5)


def stopping(rule: Rule, kind: str, *, spread: float, goal: float, runs: int, seed: int) -> tuple[float, float]:
    """Coverage of what is reported at the stop, and the mean number of replicates; at most 60 of them."""
    rng = np.random.default_rng(seed)
    most, half_goal = 60, math.log1p(goal)
    means = draw(rng, kind, spread, (runs, most))
    counts = np.arange(1, most + 1)
    running = np.cumsum(means, axis=1) / counts
    squares = np.cumsum(means**2, axis=1) - counts * running**2
    sd = np.sqrt(np.maximum(squares, 0.0) / np.maximum(counts - 1, 1))
    quantiles = {
        level: np.array([t_quantile(max(number - 1, 1), (1 + level) / 2) for number in range(1, most + 1)])
        for level in (0.95, rule.confidence)
    }
    reached = (quantiles[rule.confidence] * sd / np.sqrt(counts) <= half_goal) & (counts >= rule.fewest)
    stops = np.where(reached.any(axis=1), reached.argmax(axis=1), most - 1)
    row = np.arange(runs)
    half = (quantiles[0.95] * sd / np.sqrt(counts))[row, stops]
    if rule.at_least_goal:
        half = np.where(reached.any(axis=1), np.maximum(half, half_goal), half)
    return float((np.abs(running[row, stops]) <= half).mean()), float(stops.mean() + 1)


def modes_called(count: int, kind: str, *, runs: int, seed: int) -> float:
    """The share of recordings with one mode, and replicates 5 % apart, that are called two modes."""
    rng = np.random.default_rng(seed)
    means = draw(rng, kind, 0.05, (runs, count))
    return sum(slow_mode(row) is not None for row in means) / runs


def claimed_beside_control(bias: float, effect: float, *, runs: int, seed: int) -> dict[str, float]:
    """Simulated recordings of 8 replicates, 2 % apart, in which every arm is off by a constant of its own.

    Returns the shares whose control moved, and of those that claim a difference, by the rule in use and a strict one,
    where any move of the control forbids it. A claim is wrong if there is no difference, or one of the other sign.
    """
    rng = np.random.default_rng(seed)
    found = dict.fromkeys(("moved", "strict", "in use", "strict and wrong", "in use and wrong"), 0)
    for _ in range(runs):
        arms_off = rng.normal(0, bias, 3) if bias else np.zeros(3)
        control, again, changed = arms_off[:, None] + rng.normal(0, 0.02 / math.sqrt(2), (3, 8))
        check = excusing_noise(_compared(control - again))
        comparison = _compared(control - changed + effect)
        claims_any = comparison.difference is not Difference.NONE_SHOWN
        strict, stands = (
            claims_any and not has_moved(check),
            claims_any and not voids(control_moved_by(check), comparison.ln_ratio),
        )
        is_right = effect > 0 and comparison.difference is Difference.FASTER
        found["moved"] += has_moved(check)
        found["strict"] += strict
        found["in use"] += stands
        found["strict and wrong"] += strict and not is_right
        found["in use and wrong"] += stands and not is_right
    return {name: count / runs for name, count in found.items()}


def _compared(ln_ratios: Floats) -> Comparison:
    empty = absent("control", "changed", "")
    made = replace(empty, ln_ratio=t_interval(ln_ratios), replicates=tuple(ln_ratios.tolist()))
    return replace(made, difference=difference_of(made))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=4000)
    runs = parser.parse_args().runs
    print(f"coverage of 95 % intervals, {runs} recordings each")
    print(f"{'replicates':>10} {'spread':>6} " + " ".join(f"{name:>20}" for name in WAYS))
    for replicates in (5, 8, 12):
        for spread in SPREADS:
            found = coverage(Variation(spread=spread, replicates=replicates), runs=runs, seed=1)
            print(f"{replicates:10} {spread:6.0%} " + " ".join(f"{found[name]:20.1%}" for name in WAYS))
    print(f"\ncalled different, {runs} recordings each")
    print(f"{'replicates':>10} {'spread':>6} {'A/A':>8} {'1 %':>8} {'3 %':>8}")
    for replicates in (5, 8, 12):
        for spread in SPREADS:
            variation = Variation(spread=spread, replicates=replicates)
            found_at = [claims(variation, effect=effect, runs=runs, seed=2) for effect in (0.0, 0.01, 0.03)]
            print(f"{replicates:10} {spread:6.0%} " + " ".join(f"{share:8.1%}" for share in found_at))
    print(f"\nstopping when +-2 % is reached, at most 60 replicates, {10 * runs} runs each: coverage (mean replicates)")
    print(f"{'replicate means':>16} {'spread':>6} " + " ".join(f"{name:>20}" for name in RULES))
    for kind in ("normal", "t(3)", "two modes"):
        for spread in (0.01, 0.02, 0.03, 0.05):
            cells = []
            for rule in RULES.values():
                covered, count = stopping(rule, kind, spread=spread, goal=0.02, runs=10 * runs, seed=3)
                cells.append(f"{covered:13.1%} ({count:4.1f})")
            print(f"{kind:>16} {spread:6.0%} " + " ".join(cells))
    print(f"\nwhere each arm is off by a constant of its own, {runs} recordings of 8 replicates")
    print(f"{'off by':>6} {'effect':>6} {'moved':>8} {'strict':>8} {'in use':>8} {'wrong: strict':>13} {'in use':>8}")
    for bias in (0.0, 0.005, 0.02):
        for effect in (0.0, 0.03, 0.1, 1.0):
            shares = claimed_beside_control(bias, effect, runs=runs, seed=5)
            row = [f"{share:{width}.1%}" for share, width in zip(shares.values(), (8, 8, 8, 13, 8), strict=True)]
            print(f"{bias:6.1%} {effect:6.2f} " + " ".join(row))
    print(f"\nof one mode and called two, {runs} recordings each")
    print(f"{'replicates':>10} " + " ".join(f"{kind:>8}" for kind in ("normal", "uniform", "t(3)")))
    for count in (6, 8, 10, 15, 20):
        found_of = [modes_called(count, kind, runs=runs, seed=4) for kind in ("normal", "uniform", "t(3)")]
        print(f"{count:10} " + " ".join(f"{share:8.1%}" for share in found_of))


if __name__ == "__main__":
    main()
