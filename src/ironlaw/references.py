"""What the facts of a recording refer to: factors, levels, arms and layers by name or place, which must exist."""

from __future__ import annotations

from ironlaw.errors import BadInput
from ironlaw.fact import Fact
from ironlaw.factors import FACTORS
from ironlaw.layer import LayerCall, LayerGraph
from ironlaw.missing import is_known
from ironlaw.plan import Plan

_NEWER = "if a newer version recorded it: pip install --upgrade ironlaw"


def check_references(fact: Fact) -> None:
    """See that what a fact refers to exists, as far as the fact itself can say.

    Raises:
        BadInput: it does not.
    """
    if isinstance(fact, Plan):
        _check_plan(fact)
    elif isinstance(fact, LayerGraph) and is_known(fact.calls):
        _check_calls(fact.calls)


def _check_plan(plan: Plan) -> None:
    """See that a plan's names stand for something.

    Raises:
        BadInput: a factor or level that this version does not have, or an arm that is not in the plan.
    """
    names = {arm.name for arm in plan.arms}
    levels = [pair for arm in plan.arms for pair in arm.variant.changed]
    levels += [(switch.factor, switch.level) for experiment in plan.experiments for switch in experiment.switches]
    for factor, level in levels:
        if factor not in FACTORS or not FACTORS[factor].accepts(level):
            raise BadInput(f"this version knows no {factor[:40]}={level[:40]}", hint=_NEWER)
    named = [arm.repeats for arm in plan.arms if arm.repeats is not None]
    named += [name for experiment in plan.experiments for name in (experiment.arm, experiment.applied)]
    for name in named:
        if name not in names:
            raise BadInput(f"the plan has no arm called {name[:80]!r}", hint=_NEWER)


def _check_calls(calls: tuple[LayerCall, ...]) -> None:
    """See that each call is fed by calls that exist.

    Raises:
        BadInput: one is not.
    """
    for call in calls:
        if any(source >= len(calls) for source in call.fed_by):
            raise BadInput(f"{call.name[:80]} is fed by a call beyond the last one", hint=_NEWER)
