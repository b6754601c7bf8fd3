"""Causes that no switch takes away: what the readings of an arm are consistent with, and never more than that."""

from __future__ import annotations

from collections.abc import Iterator

from ironlaw.analysis.verdicts.signatures import Observed
from ironlaw.explanation import CauseVerdict, Comparison, Difference, Outcome
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, Missing

# Half of what an arm writes is float: its int8 operators stand between float ones.
FLOAT_SHARE = 0.5
_DOT_PRODUCTS = ("avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")


def consistent(
    comparison: Comparison, control: Observed, changed: Observed, machine: Maybe[Machine]
) -> tuple[CauseVerdict, ...]:
    """Verdicts for signatures of the slower arm, or of either where no difference is shown.

    An arm that is faster in spite of what it shows does not owe its time to it.
    """
    slower = {
        Difference.FASTER: (control,),
        Difference.SLOWER: (changed,),
    }.get(comparison.difference, (control, changed))
    tested = {verdict.cause for verdict in comparison.causes}
    found: dict[str, str] = {}
    for arm in slower:
        for cause, reason in _signatures(arm, machine):
            if cause not in tested:
                found.setdefault(cause, reason)
    return tuple(
        CauseVerdict(cause=cause, outcome=Outcome.CONSISTENT, reason=reason) for cause, reason in found.items()
    )


def _signatures(arm: Observed, machine: Maybe[Machine]) -> Iterator[tuple[str, str]]:
    name = arm.arm.name
    if not arm.computes_int8 or "int8_operators" not in arm.census:
        return
    dynamic, int8 = arm.census.get("dynamic_operators", 0.0), arm.census["int8_operators"]
    share = arm.census.get("float_share", 0.0)
    if dynamic > 0:
        yield "dynamic-quantization", f"{dynamic:.0f} operators of {name} find a range and quantize at each call"
    if share > FLOAT_SHARE:
        written = f"{100 * share:.0f} % of what {name} writes is float, with {int8:.0f} int8 operators between"
        yield "precision-islands", written
    if not isinstance(machine, Missing) and machine.isa and not any(map(machine.has_isa, _DOT_PRODUCTS)):
        yield "no-dot-product-isa", f"{name} computes in int8, and this CPU shows none of {', '.join(_DOT_PRODUCTS)}"
