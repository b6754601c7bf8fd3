"""What a longer replicate would cost: the share of a run that is counted, against the half-width of its interval.

    python -m benchmarks.tradeoff RECORDING [--arm int8+fused]

From a run that was made: what starting a replicate took, what a round took, and the variances of the arm's ln-ratio to
the control between replicates and of a round within one. Predicted is the same time spent on replicates of other
lengths: their number, the share of the time after preparing that inferences are counted in, and the half-width. Layers,
samples and outputs keep their share of the time.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Document, explained, machine
from ironlaw.analysis.scheduling.components import Components, components
from ironlaw.analysis.statistics.interval import t_quantile
from ironlaw.analysis.statistics.paired import Pairs, pair
from ironlaw.analysis.turns import times_of
from ironlaw.recording import load

STARTING = ("starting", "loading", "warming")
COUNTING = ("counted", "waiting")
LENGTHS = (1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 40)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run's time went into, in seconds: `after_s` in all after preparing, `start_s` to start a replicate,
    `round_s` for a round with what lies between its turns, `counted_s` for its inferences.

    `beside` is the time for all else as a multiple of the time for both.
    """

    after_s: float
    start_s: float
    round_s: float
    counted_s: float
    beside: float
    varied: Components

    def replicates(self, rounds: float) -> float:
        """How many of this length fit."""
        return self.after_s / (1 + self.beside) / (self.start_s + rounds * self.round_s)

    def counted_share(self, rounds: float) -> float:
        """The share of the time after preparing in which inferences are counted."""
        return self.replicates(rounds) * rounds * self.counted_s / self.after_s

    def half_width(self, rounds: float) -> float:
        """Of the ln-ratio's 95 % interval; infinite below two replicates."""
        count = self.replicates(rounds)
        if count < 2:
            return math.inf
        return t_quantile(count - 1, 0.975) * math.sqrt((self.varied.between + self.varied.within / rounds) / count)

    def rounds_for(self, share: float) -> float | None:
        """The rounds of a replicate of which this share is counted; None where no length reaches it."""
        per_round_s = self.counted_s - share * (1 + self.beside) * self.round_s
        return share * (1 + self.beside) * self.start_s / per_round_s if per_round_s > 0 else None


def run_of(document: Document, pairs: Pairs) -> Run:
    """The figures of a run, by its JSON and by the arm's turns with the control's."""
    spent, run = document["run"]["spent"], document["run"]
    rounds, count = len(pairs.round_replicate), len(pairs.replicates)
    starting_s, counting_s = (math.fsum(spent.get(name, 0.0) for name in names) for names in (STARTING, COUNTING))
    after_s = run["wall_s"] - spent.get("preparing", 0.0)
    varied = components([pairs])
    if varied is None:
        raise SystemExit("no replicate of this recording has two rounds: how much a round varies is unknown")
    return Run(
        after_s=after_s, start_s=starting_s / count, round_s=counting_s / rounds, counted_s=run["counted_s"] / rounds,
        beside=after_s / (starting_s + counting_s) - 1, varied=varied,
    )  # fmt: skip


def rows(run: Run, lengths: Sequence[float]) -> Iterator[str]:
    """The table's lines."""
    for rounds in lengths:
        yield (
            f"{rounds:6.1f}  {run.replicates(rounds):10.1f}  {run.counted_share(rounds):7.0%}"
            f"  ±{run.half_width(rounds):.1%}"
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--arm", default="int8+fused", help="compared with fp32")
    parser.add_argument("--control", default="fp32")
    given = parser.parse_args()
    turns = times_of(load(given.recording))
    pairs = pair(turns[given.control], turns[given.arm])
    document = explained(given.recording)
    run = run_of(document, pairs)
    mean = len(pairs.round_replicate) / len(pairs.replicates)
    print(f"{machine(document)}; {given.arm} against {given.control}, {run.after_s:.0f} s after preparing")
    between, within = math.sqrt(run.varied.between), math.sqrt(run.varied.within)
    print(f"starting a replicate {run.start_s:.2f} s, a round {run.round_s:.2f} s")
    print(f"standard deviation between replicates {between:.1%}, of a round {within:.1%}")
    print("rounds  replicates  counted  half-width")
    print("\n".join(rows(run, LENGTHS)))
    print("as it was, on average:\n" + "\n".join(rows(run, [mean])))
    half = run.rounds_for(0.5)
    if half is None:
        print("half of the time counted: by no length")
        return
    print("half of the time counted:\n" + "\n".join(rows(run, [half])))
    wider = run.half_width(half) / run.half_width(mean) - 1
    print(f"an interval {abs(wider):.0%} {'wider' if wider > 0 else 'narrower'} than as it was")


if __name__ == "__main__":
    main()
