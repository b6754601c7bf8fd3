"""Causes without an experiment: bounds, and readings that are consistent with them."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.analysis.verdicts.bench import SMALLEST_EFFECT
from ironlaw.causes import CAUSES, cause_of
from ironlaw.explanation import ArmSummary, CauseVerdict, Comparison, Difference, Outcome
from ironlaw.fact import Ceilings
from ironlaw.machine import Machine
from ironlaw.missing import Maybe
from ironlaw.observed import Observed


def with_bounds(
    causes: tuple[CauseVerdict, ...], control: ArmSummary, changed: ArmSummary, ceilings: Maybe[Ceilings]
) -> tuple[CauseVerdict, ...]:
    """Add what ceilings show to the verdicts, and append the causes of which only a bound is known."""
    completed = (
        replace(verdict, evidence={**verdict.evidence, **more})
        if (more := cause_of(verdict.cause).evidence(control, changed, ceilings))
        else verdict
        for verdict in causes
    )
    bounds = (cause.bound(control, changed, ceilings, smallest=SMALLEST_EFFECT) for cause in CAUSES.values())
    return (*completed, *(bound for bound in bounds if bound is not None))


def consistent(
    comparison: Comparison, control: Observed, changed: Observed, machine: Maybe[Machine]
) -> tuple[CauseVerdict, ...]:
    """Verdicts by signatures of the slower arm, or of either arm if no difference is shown.

    A signature of the faster arm does not explain the difference.
    """
    divided = {Difference.FASTER: (control, changed), Difference.SLOWER: (changed, control)}.get(comparison.difference)
    tested = {verdict.cause for verdict in comparison.causes}
    found: dict[str, str] = {}
    for arm in divided[:1] if divided else (control, changed):
        for slug, cause in CAUSES.items():
            if divided and cause.is_in_both(*divided):
                continue
            reason = cause.consistent(arm, machine) or (cause.consistent_beside(*divided) if divided else "")
            if slug not in tested and reason:
                found.setdefault(slug, reason)
    return tuple(CauseVerdict(cause=slug, outcome=Outcome.CONSISTENT, reason=reason) for slug, reason in found.items())
