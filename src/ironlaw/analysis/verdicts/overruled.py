"""Confirmed causes of which a switch that removes them and little else shows nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ironlaw.explanation import CauseVerdict, Outcome
from ironlaw.missing import Missing

_NOT_IT = "{switch} removes it and little else, and shows no gain: what this switch gains is no difference of the arms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exact:
    """The verdict of an experiment that removes a cause and little else, and its switch; see Cause.exact."""

    switch: str
    verdict: CauseVerdict


def overruled(verdict: CauseVerdict, by: Iterable[Exact]) -> CauseVerdict:
    """A confirmed verdict as undecided, where an exact experiment on its cause shows no gain; else as it is.

    One shows no gain if it is refuted, or its interval contains zero, and all of it is below the verdict's. One that
    makes the arm slower decides nothing: what it costs besides may hide what it saves.
    """
    for one in by:
        is_on_it = one.verdict.cause == verdict.cause and verdict.outcome is Outcome.CONFIRMED
        if is_on_it and _shows_no_gain(one.verdict) and _is_below(one.verdict, verdict):
            reason = "; ".join(part for part in (_NOT_IT.format(switch=one.switch), verdict.reason) if part)
            return replace(verdict, outcome=Outcome.UNDECIDED, reason=reason)
    return verdict


def _shows_no_gain(exact: CauseVerdict) -> bool:
    if isinstance(exact.effect, Missing):
        return False
    return exact.outcome is Outcome.REFUTED or not exact.effect.excludes(0.0)


def _is_below(exact: CauseVerdict, verdict: CauseVerdict) -> bool:
    if isinstance(exact.effect, Missing) or isinstance(verdict.effect, Missing):
        return False
    return exact.effect.high < verdict.effect.low
