"""40 recordings of one arm against itself: how often the interval calls equal programs different.

    python -m benchmarks.aa --seconds 80      # as many recordings as fit; call it again to continue

Each recording is real: fresh interpreters, twins, turns. What became known is in --results, a line a recording, so
that the machine can be used for other things in between. A 95 % interval is wrong in 2 of 40; 3 or fewer are accepted.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import ironlaw
from ironlaw.arm import Arm
from ironlaw.explanation import Difference
from ironlaw.missing import Missing
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.variant import GIVEN, PRECISION, Variant

RECORDINGS = 40
ACCEPTED = 3
MODEL = Path(__file__).parent / "tiny.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One recording: its interval of ln(first/second), and what it would be called."""

    seed: int
    value: float
    low: float
    high: float
    replicates: int
    called: str  # the verdict a user sees, where a move inside +-0.2 % counts as none
    took_s: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the bare interval calls the two different."""
        return not self.low <= 0 <= self.high


def record_once(seed: int, *, inferences: int, replicates: int) -> Outcome:
    """Record the tiny network against itself, by count: however slow the machine, no replicate is cut."""
    arm = Arm(name="net", variant=Variant.of({PRECISION: GIVEN}), factory=f"{MODEL}:net")
    plan = Plan(
        model="tiny",
        arms=with_control((arm,)),
        schedule=Schedule(replicates=replicates, rounds=10, inferences=inferences, budget_s=None),
        seed=seed,
    )
    began_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        check = ironlaw.explain(ironlaw.record(plan, Path(folder) / "aa.jsonl")).control_check
    assert not isinstance(check, Missing), check
    estimate = check.ln_ratio
    assert not isinstance(estimate, Missing), estimate
    return Outcome(
        seed=seed,
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        replicates=len(check.replicates),
        called=check.difference.value,
        took_s=time.perf_counter() - began_s,
    )


def known(results: Path) -> list[Outcome]:
    """The recordings made so far."""
    if not results.exists():
        return []
    return [Outcome(**json.loads(line)) for line in results.read_text(encoding="utf-8").splitlines()]


def go_on(results: Path, *, seconds: float, inferences: int, replicates: int) -> list[Outcome]:
    """Record until the seconds or the recordings are over; every outcome is kept at once."""
    ends_s = time.perf_counter() + seconds
    outcomes = known(results)
    longest_s = max((outcome.took_s for outcome in outcomes), default=0.0)
    while len(outcomes) < RECORDINGS and time.perf_counter() + longest_s < ends_s:
        outcomes.append(record_once(len(outcomes), inferences=inferences, replicates=replicates))
        longest_s = max(longest_s, outcomes[-1].took_s)
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(outcomes[-1])) + "\n")
    return outcomes


def main() -> None:
    """Go on, and print what is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=80.0)
    parser.add_argument("--inferences", type=int, default=1200, help="of each of the two, in one recording")
    parser.add_argument("--replicates", type=int, default=4)
    parser.add_argument("--results", type=Path, default=Path("aa-results.jsonl"))
    given = parser.parse_args()
    outcomes = go_on(given.results, seconds=given.seconds, inferences=given.inferences, replicates=given.replicates)
    if not outcomes:
        print("no recording fitted into the time")
        return
    widths = sorted((outcome.high - outcome.low) / 2 for outcome in outcomes)
    different = sum(outcome.excludes_zero for outcome in outcomes)
    called = sum(outcome.called in (Difference.FASTER.value, Difference.SLOWER.value) for outcome in outcomes)
    took_s = sum(outcome.took_s for outcome in outcomes) / len(outcomes)
    print(f"{len(outcomes)} of {RECORDINGS} recordings of one arm against itself, {took_s:.1f} s each")
    print(f"interval excludes zero: {different} (accepted: {ACCEPTED}); called different, beyond 0.2 %: {called}")
    print(f"half-width of the interval: median {widths[len(widths) // 2]:.2%}, widest {widths[-1]:.2%}")


if __name__ == "__main__":
    main()
