"""Arms that were measured once (a published table, a saved output of perf stat): values and exact splits without
intervals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from ironlaw.analysis.iron_law.lmdi import State, decompose
from ironlaw.analysis.iron_law.misleading import misleading
from ironlaw.analysis.iron_law.split import read_once
from ironlaw.concern import Concern
from ironlaw.errors import BadInput
from ironlaw.explanation import (
    ArmSummary,
    Comparison,
    Difference,
    Explanation,
)
from ironlaw.explanation.split import Term
from ironlaw.missing import Missing, first_missing

ONCE = Missing("it was read once")


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleArm:
    """An arm's row, and the state that its split is computed from (arrays of one entry)."""

    row: ArmSummary
    state: State
    assumptions: tuple[str, ...] = ()
    assumed_equal: dict[Term, str] | None = None  # terms that are zero by assumption only, and why


def explain_singles(arms: list[SingleArm], concerns: list[Concern], *, source: str) -> Explanation:
    """Compare every arm with the one before it, and the last with the first.

    Raises:
        BadInput: fewer than two arms, or two of one name.
    """
    require_distinct([arm.row.arm for arm in arms], source)
    steps = list(pairwise(arms))
    if len(arms) > 2:
        steps.append((arms[0], arms[-1]))
    return Explanation(
        machine=Missing(f"{source} does not name its machine"),
        plan=Missing(f"{source} has no plan"),
        arms=tuple(arm.row for arm in arms),
        comparisons=tuple(_compare(control, changed) for control, changed in steps),
        concerns=tuple(concerns),
        control_check=Missing(f"{source} has no control arm"),
    )


def require_distinct(names: list[str], source: str) -> None:
    """Check that there are at least two arms of different names.

    Raises:
        BadInput: fewer than two arms, or two of one name.
    """
    for name in names:
        if names.count(name) > 1:
            rows = [str(place) for place, other in enumerate(names, start=1) if other == name]
            raise BadInput(
                f"{source} has two arms called {name!r} (arms {' and '.join(rows)}; column arm)",
                hint="give each arm its own name; the same one twice shows nothing",
            )
    if len(names) < 2:
        counted = "1 arm" if names else "no arm"
        raise BadInput(f"{source} has {counted}; a comparison needs two", hint="add the arm to compare with")


def _compare(control: SingleArm, changed: SingleArm) -> Comparison:
    decomposition = decompose(control.state, changed.state)
    assumptions = tuple(dict.fromkeys((*control.assumptions, *changed.assumptions)))
    once = read_once(decomposition, assumptions)
    assumed = {**(control.assumed_equal or {}), **(changed.assumed_equal or {})}
    kept = {term: value for term, value in once.counterfactuals_ns.items() if term not in assumed}
    terms = {term: Missing(assumed[term]) if term in assumed else value for term, value in once.terms.items()}
    once = replace(once, terms=terms, counterfactuals_ns=kept)
    return Comparison(
        control=control.row.arm,
        changed=changed.row.arm,
        difference=Difference.UNPROVEN,
        ln_ratio=first_missing(control.row.wall_ns, changed.row.wall_ns) or ONCE,
        rank=ONCE,
        replicates=(),
        split=ONCE,
        misleading=misleading(control.row, changed.row, once.ln_ratio),
        once=once,
    )
