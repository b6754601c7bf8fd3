"""Arms whose times come in groups or have a long tail, with the replicates listed and what explains them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ironlaw.analysis.statistics.covariate import best_explanation, quantities
from ironlaw.analysis.statistics.paired import mean_by
from ironlaw.analysis.turns import ArmTurns, Floats, Ints
from ironlaw.causes.process_layout import CAUSE as PROCESS_LAYOUT
from ironlaw.concern import Concern, Weight

# Largest gap between neighbouring replicates over the spread inside both groups: what 1 % of recordings with one
# mode exceed, the worst of normal, uniform and t(3) spreads, 20000 simulated recordings each (docs/method.md).
GAP_LIMITS = {6: 11.0, 8: 7.0, 10: 5.4, 15: 3.5, 20: 3.2}
VISIBLE = math.log(1.01)  # modes or tails that move the time by less than 1 % are not worth a doubt
WIDE_SPREAD = 0.02  # standard deviation between replicates, ln units


def shape_doubts(turns: ArmTurns) -> Iterator[Concern]:
    """Doubts about the shape of one arm's times: two modes, a long tail, replicates far apart."""
    replicates = np.unique(turns.replicate)
    ln_wall = np.log(turns.wall_ns)
    means = mean_by(turns.replicate, ln_wall, replicates)
    explained = best_explanation(means, quantities(turns, replicates))
    slow = slow_mode(means)
    if slow is not None:
        yield _bimodal(turns.arm, replicates, means, slow, _because(turns, replicates, explained, slow))
    elif explained is not None and float(means.std(ddof=1)) > WIDE_SPREAD:
        yield Concern(
            slug=PROCESS_LAYOUT.slug,
            text=(
                f"its replicates differ by {_percent(float(np.ptp(means)))} %, and {explained[0]} per inference "
                f"goes with that (r = {explained[1]:+.2f})"
            ),
            fix="look at the adjusted comparison; keeping that quantity constant would narrow the interval",
            arm=turns.arm,
            weight=Weight.NOTES,
        )
    yield from _skew(turns, replicates, ln_wall)


def slow_mode(means: Floats) -> Ints | None:
    """The indices of the slower of two groups of replicate means; None where one group is as likely.

    Both groups have at least two members, and are at least 1 % of the time apart.
    """
    count = len(means)
    if count < min(GAP_LIMITS):
        return None
    limit = float(np.interp(count, list(GAP_LIMITS), list(GAP_LIMITS.values())))
    order = np.argsort(means, kind="stable")
    rising = means[order]
    gaps = np.diff(rising)[1:-1]  # never one alone: that is an outlier
    place = int(np.argmax(gaps)) + 2
    fast, slow = rising[:place], rising[place:]
    inside = math.sqrt(float(((fast - fast.mean()) ** 2).sum() + ((slow - slow.mean()) ** 2).sum()) / (count - 2))
    gap = float(rising[place] - rising[place - 1])
    if gap < VISIBLE or gap <= limit * inside:
        return None
    return order[place:]


def _bimodal(arm: str, replicates: Ints, means: Floats, slow: Ints, because: str) -> Concern:
    is_slow = np.zeros(len(means), dtype=bool)
    is_slow[slow] = True
    apart = float(means[is_slow].mean() - means[~is_slow].mean())
    return Concern(
        slug="bimodal-arm",
        text=(
            f"has two modes {_percent(apart)} % apart: slow in replicate {_listed(replicates[is_slow])}, "
            f"fast in {_listed(replicates[~is_slow])}; {because}"
        ),
        fix="the mean lies between the modes; more replicates show how often each occurs",
        arm=arm,
    )


def _because(turns: ArmTurns, replicates: Ints, explained: tuple[str, float] | None, slow: Ints) -> str:
    if explained is None:
        return "nothing recorded explains which"
    values = quantities(turns, replicates)[explained[0]]
    is_slow = np.zeros(len(values), dtype=bool)
    is_slow[slow] = True
    return (
        f"{explained[0]} per inference goes with it: "
        f"{values[is_slow].mean():.4g} when slow, {values[~is_slow].mean():.4g} when fast"
    )


def _skew(turns: ArmTurns, replicates: Ints, ln_wall: Floats) -> Iterator[Concern]:
    """A tail that pulls the mean of the logarithms away from their median by more than 1 %."""
    pulls = np.array(
        [float(values.mean() - np.median(values)) for values in (ln_wall[turns.replicate == r] for r in replicates)]
    )
    pull = float(pulls.mean())
    if abs(pull) <= VISIBLE:
        return
    worst = replicates[np.abs(pulls) > VISIBLE]
    extreme = float(np.exp(ln_wall.max() - np.median(ln_wall)))
    yield Concern(
        slug="skewed-arm",
        text=(
            f"a tail shifts its mean {_percent(pull)} % from its median (most in replicate {_listed(worst)}); "
            f"the slowest turn took {extreme:.2f} times the median"
        ),
        fix="the interval is that of the mean, not the median; a quieter machine or longer turns shorten the tail",
        arm=turns.arm,
    )


def _percent(ln: float) -> str:
    return f"{100 * math.expm1(ln):.1f}"


def _listed(replicates: Ints) -> str:
    return ", ".join(str(number) for number in replicates)
