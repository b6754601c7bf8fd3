"""The lengths of turns and replicates that give the narrowest interval in the time left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from ironlaw.analysis.scheduling.components import PRIOR_DEGREES, Components
from ironlaw.analysis.statistics.interval import CONFIDENCE, t_quantile

# What lies between turns may take this share of them.
TURN_SHARE = 0.05
# A program of some nanoseconds holds its inputs in a list, one entry an inference.
MOST_INFERENCES = 100_000
# A host that changes its speed within seconds does so between two arms' turns of one round: the shorter turns are, the
# smaller that error (benchmarks/schedule.py, `turns`). But other arms have used the caches: a turn's first inference
# took 1.2 to 1.8 ms longer, of programs of 7 to 24 ms (Sapphire Rapids guest, six processes in turn), and much shorter
# turns would show that as part of the time.
TURN_S = 0.04
# Beyond this many degrees of freedom a quantile of t equals the normal one's to a hundredth.
MOST_LOOKED_AT = 200
MOST_ROUNDS = 100_000
# The minimum over the number of replicates is flat. Where fewer and longer ones make the interval wider by less than
# this, the longer are taken, until inferences are this share of a replicate: counted time averages the host's speeds,
# and variances known from few replicates would trade it for starts at random (benchmarks/schedule.py, `dimension`).
FLAT = 1.04
COUNTED_WANTED = 0.6
# What processes differ by is assumed to be this share of the variance within, at least. Without it a start that takes
# as long as forty rounds would leave three long replicates, whose interval is 12 % wider than that of four short ones.
LEAST_BETWEEN = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """The cost of a replicate: `start_s` once (including everything independent of its length), and `round_s` per round
    (including layers and code, which are read in proportion), of which `counted_s` are inferences.
    """

    start_s: float
    round_s: float
    counted_s: float

    def rounds_wanted(self) -> int:
        """The fewest rounds that are counted for COUNTED_WANTED of a replicate; MOST_ROUNDS where none are."""
        left_s = self.counted_s - COUNTED_WANTED * self.round_s
        if left_s <= 0:
            return MOST_ROUNDS
        return max(1, min(MOST_ROUNDS, math.ceil(COUNTED_WANTED * self.start_s / left_s)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """The number of further replicates, including the current one, and the rounds of each."""

    replicates: int
    rounds: int


def turn_length_s(*, turn_s: float, longest_s: float) -> float:
    """How long the inferences of a turn should take, in seconds, for every arm: TURN_S, or what makes the overhead
    `turn_s` TURN_SHARE of it, and at most `longest_s`.
    """
    return min(max(TURN_S, turn_s / TURN_SHARE), longest_s)


def inferences_of(one_s: float, *, length_s: float) -> int:
    """The number of inferences that take about `length_s`.

    The first of a turn finds caches that other arms have used. Turns of equal length give it the same share in all.
    """
    return max(1, min(MOST_INFERENCES, round(length_s / one_s)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Comparisons that further replicates narrow, after replicates of `ran` rounds.

    `hypotheses` is the number judged together (Bonferroni). `known` are their own variances, where there are some: page
    faults differ from process to process, and an experiment that holds them constant varies by less. `weight` is that
    of their half-width among the others'.
    """

    ran: tuple[int, ...] = ()
    hypotheses: int = 1
    known: Components | None = None
    weight: float = 1.0

    def half_width(self, further: Length, between: float, within: float) -> float:
        """The half-width after further replicates; infinite with one replicate in all."""
        before = math.fsum(between + within / rounds for rounds in self.ran)
        total = len(self.ran) + further.replicates
        if total < 2:
            return math.inf
        spread = math.sqrt(before + further.replicates * (between + within / further.rounds)) / total
        return t_quantile(total - 1, 1 - (1 - CONFIDENCE) / 2 / self.hypotheses) * spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The rest of a run: `left_s` seconds and at most `most` replicates, for the comparisons `judged`.

    `is_open`: the run may end after any replicate.
    """

    left_s: float
    most: int
    judged: tuple[Judged, ...] = (Judged(),)
    is_open: bool = False


def best_length(prices: Prices, known: Components | None, outlook: Outlook) -> Length | None:
    """The numbers of replicates and of rounds per replicate that give the narrowest interval; None if not even one
    round fits.

    The first of the replicates has started already. With n replicates of r rounds, the half-width is t(n - 1)
    sqrt((between + within / r) / n); completed replicates count with their own rounds. For many replicates the minimum
    is at r = sqrt(start / round x within / between) (Kalibera & Jones, ISMM 2013, section 6). For few, the quantile of
    t, which falls from 12.7 at two replicates to 2.4 at eight, favours replicates over rounds. With several sets of
    comparisons, the weighted geometric mean of their half-widths counts. Among lengths within FLAT of the minimum, the
    one is chosen that spends COUNTED_WANTED of a replicate on inferences, or the longest if none does. If the run may
    end at any replicate, none is longer than is best for many.
    """
    judged = [(one, assumed(prices, one.known or known)) for one in outlook.judged]
    longest = kalibera_jones(prices, *assumed(prices, known))
    tried: list[tuple[float, Length]] = []
    for count in range(1, min(outlook.most, MOST_LOOKED_AT) + 1):
        rest_s = outlook.left_s - (count - 1) * prices.start_s
        rounds = min(MOST_ROUNDS, math.floor(rest_s / count / prices.round_s))
        if outlook.is_open:
            rounds = min(rounds, longest)
        if rounds < 1:
            break
        length = Length(replicates=count, rounds=rounds)
        half_widths = [one.half_width(length, *varied) for one, varied in judged]
        tried.append((_mean_ln(half_widths, [one.weight for one, _ in judged]), length))
    if not tried:
        return None
    least = min(half for half, _ in tried)
    if math.isinf(least):
        return tried[-1][1]
    best = next(length for half, length in tried if half == least)
    flat = [length for half, length in tried if half <= least + math.log(FLAT) and length.rounds >= best.rounds]
    enough = max(best.rounds, prices.rounds_wanted())
    return next((length for length in reversed(flat) if length.rounds >= enough), flat[0])


def _mean_ln(half_widths: Sequence[float], weights: Sequence[float]) -> float:
    """Of the logarithms; minus infinity where nothing varies."""
    return fmean([math.log(one) if one > 0 else -math.inf for one in half_widths], weights)


def alone_rounds(prices: Prices, known: Components | None, *, left_s: float, replicates: int) -> int:
    """The rounds of replicates before experiments join: what fits into the time given, at most the best number for many
    replicates or that which spends COUNTED_WANTED of a replicate on inferences.
    """
    between, within = assumed(prices, known)
    fitting = math.floor((left_s / replicates - prices.start_s) / prices.round_s)
    return max(0, min(fitting, max(prices.rounds_wanted(), kalibera_jones(prices, between, within))))


def assumed(prices: Prices, known: Components | None) -> tuple[float, float]:
    """The variances between and within; the former is shrunk towards an assumed value while few replicates are known.

    The assumed value makes it optimal to measure as long as starting takes, so that neither a long nor a short
    replicate is far from the optimum; it is LEAST_BETWEEN of the variance within at least. Before the first replicate
    nothing is known, and only the ratio of both matters.
    """
    ratio = max(LEAST_BETWEEN, prices.round_s / max(prices.start_s, prices.round_s))
    if known is None or known.within <= 0:
        return ratio, 1.0
    weight = PRIOR_DEGREES / (PRIOR_DEGREES + known.degrees)
    return weight * known.within * ratio + (1 - weight) * known.between, known.within


def kalibera_jones(prices: Prices, between: float, within: float) -> int:
    """The optimal number of rounds for many replicates."""
    if between <= 0:
        return MOST_ROUNDS
    return max(1, min(MOST_ROUNDS, round(math.sqrt(prices.start_s / prices.round_s * within / between))))
