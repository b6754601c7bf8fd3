"""What scheduling costs and buys, by simulation: `python -m benchmarks.schedule spending`, `dimension` or `turns`.

spending: experiments of a recording that leave when they are settled, against as many replicates of all of them in the
same time, for arms whose times are --speed-up apart. Printed are false confirmations a recording, coverage of what is
reported, and the share that is decided. An effect within 5 % of the difference counts as none.

dimension: replicates as long as the run's own figures make them, against every fixed length in the same time. The host
flips between two speeds within seconds, to which the arms respond unequally; turns have heavy tails; processes have
variation of their own. Printed is the root mean square error of the ln-ratio over that of the best fixed length.

turns: one replicate of two programs among other arms, by the length of a turn. The host flips between two speeds; the
first inference of a turn is slower, since other arms used the caches. Printed is the root mean square error, bias
included, of the ln-ratio of both.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ironlaw.analysis.scheduling.components import components
from ironlaw.analysis.scheduling.lengths import Judged, Outlook, Prices, best_length, inferences_of
from ironlaw.analysis.scheduling.spending import HOPELESS_TIMES
from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.statistics.paired import pair
from ironlaw.analysis.statistics.sequential import (
    INTERIM_CONFIDENCE,
    INTERIM_ERROR,
    final_rule,
    guarded_p_value,
    is_due,
    replicates_to_decide,
)
from ironlaw.analysis.turns import ArmTurns, Floats
from ironlaw.analysis.verdicts.bench import SMALLEST_EFFECT
from ironlaw.analysis.verdicts.family import adjusted
from ironlaw.analysis.verdicts.judgement import NEGLIGIBLE_SHARE
from ironlaw.estimate import Estimate

Rng = np.random.Generator

# --- spending

# A default run on two CPUs: five arms requested with the control, two an experiment; seconds to start a replicate, and
# for the turns of one arm in it.
ASKED, ARMS_EACH = 5, 2
START_S, ARM_S, LEFT_S = 5.0, 0.4, 95.0
EFFECTS = {
    "none": (0.0,) * 8,
    "one large": (0.20, *(0.0,) * 7),
    "mixed": (0.20, 0.08, 0.05, 0.03, 0.0, 0.0, 0.0, 0.0),
}


@dataclass(slots=True)
class Experiment:
    """One simulated experiment: its true effect, and what was read of it."""

    truth: float
    values: list[float] = field(default_factory=list)
    state: str = "open"


def noise(rng: Rng, kind: str, spread: float) -> float:
    """One replicate's deviation."""
    match kind:
        case "normal":
            return float(spread * rng.standard_normal())
        case "t(3)":
            return float(spread * rng.standard_t(3) / math.sqrt(3))
        case _:
            return float(spread * (1 if rng.random() < 0.5 else -1))


def run_once(
    rng: Rng, effects: tuple[float, ...], kind: str, spread: float, *, adaptive: bool, negligible: float
) -> list[Experiment]:
    """A recording's experiments, in the time there is; those that are settled leave where `adaptive`.

    An effect within ±`negligible` (of ln time) explains nothing.
    """
    experiments = [Experiment(truth) for truth in effects]
    left_s, count, looks = LEFT_S, 0, 0
    while True:
        running = [one for one in experiments if one.state == "open" or not adaptive]
        replicate_s = START_S + ARM_S * (ASKED + ARMS_EACH * len(running))
        if left_s < replicate_s or not running:
            break
        left_s -= replicate_s
        count += 1
        for one in running:
            one.values.append(one.truth + noise(rng, kind, spread))
        if adaptive and is_due(count, looks):
            looks += 1
            typical = float(np.median([np.std(one.values, ddof=1) for one in experiments]))
            for one in running:
                look(one, hypotheses=len(effects), left_s=left_s, typical=typical, negligible=negligible)
    judge_finally(experiments, looks, negligible)
    return experiments


def look(one: Experiment, *, hypotheses: int, left_s: float, typical: float, negligible: float) -> None:
    """An interim look, as scheduling takes it."""
    strict = t_interval(one.values, confidence=INTERIM_CONFIDENCE)
    more = replicates_to_decide((one.values, negligible), hypotheses=hypotheses) - len(one.values)
    is_confirmed = guarded_p_value(one.values, typical) * hypotheses < INTERIM_ERROR
    if is_confirmed or (isinstance(strict, Estimate) and strict.lies_within(negligible)):
        one.state = "settled"
    elif more > HOPELESS_TIMES * left_s / (START_S + ARM_S * (ASKED + ARMS_EACH)):
        one.state = "hopeless"


def judge_finally(experiments: list[Experiment], looks: int, negligible: float) -> None:
    """What explaining says at the end."""
    typical = float(np.median([np.std(one.values, ddof=1) for one in experiments if len(one.values) > 1]))
    family = adjusted({place: guarded_p_value(one.values, typical) for place, one in enumerate(experiments)})
    for place, one in enumerate(experiments):
        estimate = t_interval(one.values)
        one.state = "undecided"
        if isinstance(estimate, Estimate) and estimate.lies_within(SMALLEST_EFFECT):
            one.state = "refuted"
        elif isinstance(estimate, Estimate) and estimate.low > 0 and family[place] < final_rule(looks).error:
            one.state = "confirmed"
        elif isinstance(estimate, Estimate) and estimate.lies_within(negligible):
            one.state = "refuted"


def spending(runs: int, speed_up: float) -> None:
    """Print the table."""
    negligible = max(SMALLEST_EFFECT, NEGLIGIBLE_SHARE * abs(math.log(speed_up)))
    print(f"{runs} recordings each, {LEFT_S:.0f} s, eight experiments; negligible: ±{negligible:.1%}")
    print("effects    noise     spread  rule      false confirmations  coverage  confirmed of real  decided")
    for name, effects in EFFECTS.items():
        for kind in ("normal", "t(3)", "two modes"):
            for spread in (0.01, 0.02, 0.04):
                for adaptive in (False, True):
                    rng = np.random.default_rng(5)
                    found = [
                        run_once(rng, effects, kind, spread, adaptive=adaptive, negligible=negligible)
                        for _ in range(runs)
                    ]
                    print(f"{name:10} {kind:9} {spread:5.0%}  {'adaptive' if adaptive else 'fixed':8}", end="  ")
                    print(summary(found, negligible))


def summary(found: list[list[Experiment]], negligible: float) -> str:
    """The figures of one row."""
    false = sum(any(one.state == "confirmed" and one.truth == 0 for one in run) for run in found) / len(found)
    every = [one for run in found for one in run]
    intervals = [(t_interval(one.values), one.truth) for one in every]
    covered = [one.low <= truth <= one.high for one, truth in intervals if isinstance(one, Estimate)]
    real = [one.state == "confirmed" for one in every if one.truth > negligible]
    decided = sum(one.state in ("confirmed", "refuted") for one in every) / len(every)
    power = f"{np.mean(real):17.1%}" if real else f"{'-':>17}"
    return f"{false:19.1%}  {np.mean(covered):8.1%}  {power}  {decided:7.1%}"


# --- dimension


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The simulated machine. Spreads are standard deviations of ln(time)."""

    start_s: float
    round_s: float
    dwell_s: float  # mean time in one speed
    step: float  # how much more the ratio is in the slow speed
    turn: float  # of a turn, t with 3 degrees of freedom
    variation: float  # of a process against its twin


HOSTS = {
    "programs, quick start": Host(start_s=1.5, round_s=0.2, dwell_s=3.0, step=0.05, turn=0.02, variation=0.01),
    "default run": Host(start_s=6.0, round_s=0.3, dwell_s=3.0, step=0.05, turn=0.03, variation=0.02),
    "slow start": Host(start_s=20.0, round_s=0.5, dwell_s=3.0, step=0.05, turn=0.03, variation=0.02),
    "variation of processes": Host(start_s=6.0, round_s=0.3, dwell_s=3.0, step=0.01, turn=0.01, variation=0.05),
    "noise of turns": Host(start_s=6.0, round_s=0.3, dwell_s=0.5, step=0.05, turn=0.10, variation=0.002),
}
SPAN_S = 90.0
LENGTHS = (2, 4, 7, 12, 20, 35, 60, 100, 180)


def rounds_of(rng: Rng, host: Host, count: int) -> Floats:
    """The ln-ratios of the rounds of one replicate, whose mean over all time and processes is 0."""
    switches = rng.random(count) < 1 - math.exp(-host.round_s / host.dwell_s)
    slow = (np.cumsum(switches) + rng.integers(0, 2)) % 2
    turns = host.turn * rng.standard_t(3, count) / math.sqrt(3)
    made: Floats = host.variation * rng.standard_normal() + host.step * (slow - 0.5) + turns
    return made


def fixed(rng: Rng, host: Host, length: int) -> list[Floats]:
    """Replicates of one length, as many as fit."""
    count = int(SPAN_S / (host.start_s + length * host.round_s))
    return [rounds_of(rng, host, length) for _ in range(count)]


def adaptive(rng: Rng, host: Host) -> list[Floats]:
    """Replicates as long as seems best when each has started."""
    made: list[Floats] = []
    left_s = SPAN_S - host.start_s
    prices = Prices(start_s=host.start_s, round_s=host.round_s, counted_s=host.round_s)
    while left_s > 0:
        known = components([pair(*_arms(made))]) if made else None
        length = best_length(
            prices, known, Outlook(left_s=left_s, judged=(Judged(ran=tuple(map(len, made))),), most=200)
        )
        if length is None:
            break
        made.append(rounds_of(rng, host, length.rounds))
        left_s -= length.rounds * host.round_s + host.start_s
    return made


def _arms(replicates: list[Floats]) -> tuple[ArmTurns, ArmTurns]:
    """Two arms with these ln-ratios."""
    ratios = np.concatenate(replicates)
    replicate = np.repeat(np.arange(len(replicates)), [len(one) for one in replicates])
    number = np.concatenate([np.arange(len(one)) for one in replicates])

    def arm(name: str, wall_ns: Floats) -> ArmTurns:
        ones = np.ones(len(ratios), dtype=np.int64)
        return ArmTurns(
            arm=name, replicate=replicate, round=number, position=ones, inferences=ones, wall_ns=wall_ns,
            cpu_ns=wall_ns, columns={},
        )  # fmt: skip

    return arm("a", 1e6 * np.exp(ratios)), arm("b", np.full(len(ratios), 1e6))


def figures(made: Callable[[Rng], list[Floats]], runs: int) -> tuple[float, float, float, float]:
    """Root mean square error, coverage, mean half-width and mean number of replicates."""
    rng = np.random.default_rng(7)
    means = [[float(one.mean()) for one in made(rng)] for _ in range(runs)]
    error = math.sqrt(np.mean([np.mean(one) ** 2 for one in means]))
    found = [estimate for one in means if isinstance(estimate := t_interval(one), Estimate)]
    covered = float(np.mean([one.low <= 0 <= one.high for one in found])) if found else math.nan
    half = float(np.mean([one.half_width for one in found])) if len(found) == runs else math.inf
    return error, covered, half, float(np.mean([len(one) for one in means]))


def dimension(runs: int) -> None:
    """Print the table."""
    print(f"{runs} runs of {SPAN_S:.0f} s each; half-width and error as multiples of the best fixed length's")
    print("host                    best rounds  half-width  error  coverage  replicates (best fixed)")
    for name, host in HOSTS.items():
        tried = {
            length: figures(lambda rng, host=host, length=length: fixed(rng, host, length), runs)  # type: ignore[misc]
            for length in LENGTHS
            if 2 * (host.start_s + length * host.round_s) <= SPAN_S
        }
        best = min(tried, key=lambda length: tried[length][2])
        least_error = min(row[0] for row in tried.values())
        error, covered, half, count = figures(lambda rng, host=host: adaptive(rng, host), runs)  # type: ignore[misc]
        print(
            f"{name:23} {best:11}  {half / tried[best][2]:10.2f}  {error / least_error:5.2f}  {covered:8.1%}"
            f"  {count:10.1f} ({tried[best][3]:.1f})"
        )


# --- turns

TURN_LENGTHS_S = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32)
REPLICATE_S = 2.0
TURN_OVERHEAD_S = 0.0025
COLD_S = 0.0018, 0.0012  # of the two programs, in each turn
INFERENCE_S = 0.024, 0.007
SLOWER = 1.47, 1.60  # in the host's slow speed


def error_of(rng: Rng, length_s: float, *, dwell_s: float, arms: int) -> float:
    """The error of ln(first/second) in one replicate, of which the truth is that of equal time in both speeds."""
    counts = [inferences_of(one_s, length_s=length_s) for one_s in INFERENCE_S]
    other_s = length_s + TURN_OVERHEAD_S
    rounds = max(1, round(REPLICATE_S / (arms * other_s)))
    flips = np.cumsum(rng.exponential(dwell_s, 4 + int(6 * REPLICATE_S / dwell_s)))
    first_speed, at_s, sums = rng.integers(0, 2), 0.0, [0.0, 0.0]
    for _ in range(rounds):
        for arm in rng.permutation(arms):
            is_slow = (np.searchsorted(flips, at_s) + first_speed) % 2
            if arm >= len(counts):
                at_s += other_s * (1.5 if is_slow else 1.0)
                continue
            one_s = INFERENCE_S[arm] * (SLOWER[arm] if is_slow else 1.0)
            turn_s = counts[arm] * one_s * math.exp(0.03 * rng.standard_t(3)) + COLD_S[arm]
            sums[arm] += turn_s / counts[arm]
            at_s += turn_s + TURN_OVERHEAD_S
    truth = math.log(INFERENCE_S[0] * (1 + SLOWER[0])) - math.log(INFERENCE_S[1] * (1 + SLOWER[1]))
    return math.log(sums[0] / sums[1]) - truth


def turns(runs: int) -> None:
    """Print the table."""
    print(f"{runs} replicates of {REPLICATE_S:g} s each; error of the ln-ratio, by the length of a turn in s")
    print("arms  speed lasts  " + "  ".join(f"{length_s:5g}" for length_s in TURN_LENGTHS_S))
    for arms in (5, 14):
        for dwell_s in (0.5, 2.0, 8.0):
            rng = np.random.default_rng(11)
            errors = [
                math.sqrt(np.mean([error_of(rng, one, dwell_s=dwell_s, arms=arms) ** 2 for _ in range(runs)]))
                for one in TURN_LENGTHS_S
            ]
            print(f"{arms:4}  {dwell_s:9g} s  " + "  ".join(f"{error:5.1%}" for error in errors))


def main() -> None:
    """Print one of the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("spending", "dimension", "turns"))
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--speed-up", type=float, default=3.0, help="of the arms whose difference is explained")
    given = parser.parse_args()
    if given.which == "spending":
        spending(given.runs, given.speed_up)
    elif given.which == "turns":
        turns(given.runs)
    else:
        dimension(given.runs)


if __name__ == "__main__":
    main()
