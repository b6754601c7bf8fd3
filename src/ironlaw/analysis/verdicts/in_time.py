"""Parts of a difference in time: what each saves or costs, and which of them may be reported as a share."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.analysis.verdicts.bench import SMALLEST_EFFECT
from ironlaw.estimate import Estimate
from ironlaw.explanation import OPPOSED, ArmSummary, CauseVerdict, Comparison
from ironlaw.missing import Maybe, Missing, is_known

NOT_SHOWN = Missing("the remainder is not shown to differ from nothing")


def in_time(comparison: Comparison, rows: dict[str, ArmSummary]) -> Comparison:
    """Convert shares to ns per inference, which add up to the difference; opposing parts are given in ns only."""
    times = [rows[name].wall_ns for name in (comparison.control, comparison.changed)]
    left = comparison.unexplained_share
    if all(is_known(time) for time in times):
        control, changed = (time.value for time in times if not isinstance(time, Missing))
        comparison = _timed(comparison, control - changed)
    return _without_opposed_shares(comparison, left)


def _timed(comparison: Comparison, difference_ns: float) -> Comparison:
    timed = replace(comparison, causes=tuple(_saved(verdict, difference_ns) for verdict in comparison.causes))
    left = comparison.unexplained_share
    if isinstance(left, Missing):
        return timed
    return replace(
        timed, unexplained_ns=left.value * difference_ns, unexplained_interval_ns=_times(left, difference_ns)
    )


def _saved(verdict: CauseVerdict, difference_ns: float) -> CauseVerdict:
    if isinstance(verdict.share, Missing):
        return verdict
    interval = _times(verdict.share, difference_ns)
    return replace(verdict, saved_ns=verdict.share.value * difference_ns, saved_interval_ns=interval)


def _times(share: Estimate, difference_ns: float) -> Estimate:
    low, high = sorted((share.low * difference_ns, share.high * difference_ns))
    return Estimate(value=share.value * difference_ns, low=low, high=high)


def _without_opposed_shares(comparison: Comparison, left: Maybe[Estimate]) -> Comparison:
    """Remove all shares if one is below 0 or above 1, since the effects then oppose each other.

    A share that is outside by an amount too small to matter is clipped instead.
    """
    parts = [verdict.share for verdict in comparison.causes if isinstance(verdict.share, Estimate)]
    if isinstance(left, Estimate) and left.excludes(0.0):
        parts.append(left)
    whole = comparison.ln_ratio
    slack = SMALLEST_EFFECT / abs(whole.value) if isinstance(whole, Estimate) and whole.value else 0.0
    opposed = any(not -slack <= part.value <= 1 + slack for part in parts)
    causes = tuple(
        replace(verdict, share=OPPOSED if opposed else _within(verdict.share))
        if isinstance(verdict.share, Estimate)
        else verdict
        for verdict in comparison.causes
    )
    comparison = replace(comparison, causes=causes)
    if isinstance(left, Missing):
        return comparison
    if opposed:
        return replace(comparison, unexplained_share=OPPOSED)
    return replace(
        comparison, unexplained_share=_within(left) if left.excludes(0.0) or 0 <= left.value <= 1 else NOT_SHOWN
    )


def _within(share: Estimate) -> Estimate:
    """Whether a share's value is between 0 and 1; its interval may extend beyond."""
    value = min(1.0, max(0.0, share.value))
    return Estimate(value=value, low=min(share.low, value), high=max(share.high, value))
