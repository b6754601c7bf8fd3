"""Bounds: what a suspected cause can be worth at most, where no switch takes it away."""

from __future__ import annotations

import math

from ironlaw.analysis.verdicts.bench import SMALLEST_EFFECT
from ironlaw.explanation import SAVED_BYTES, SAVED_NS, SAVED_SHARE, ArmSummary, CauseVerdict, Outcome
from ironlaw.fact import Ceilings
from ironlaw.missing import Maybe, Missing, is_known


def context_switch_bound(
    control: ArmSummary, changed: ArmSummary, ceilings: Maybe[Ceilings], *, smallest: float = SMALLEST_EFFECT
) -> CauseVerdict | None:
    """How much of the difference fewer context switches can be: their number times the measured cost of one.

    Refuted when even that bound would not matter; otherwise the readings are consistent with it, no more. The cost is
    that of switching, without what the other process leaves in the caches. None where the cost was not measured.
    """
    if isinstance(ceilings, Missing):
        return None
    before, after, cost_ns, wall = (
        control.context_switches,
        changed.context_switches,
        ceilings.switch_ns,
        control.wall_ns,
    )
    if not (is_known(before) and is_known(after) and is_known(cost_ns) and is_known(wall)):
        return None
    fewer = before - after
    saved_ns = abs(fewer) * cost_ns
    bound = -math.log1p(-min(0.99, saved_ns / wall.value))
    small = bound < smallest
    part = saved_ns / wall.value
    of_control = "less than 0.01 %" if part < 1e-4 else f"{100 * part:.2f} %"
    return CauseVerdict(
        cause="context-switches",
        outcome=Outcome.REFUTED if small else Outcome.CONSISTENT,
        effect=Missing("a bound, not an experiment"),
        evidence={"fewer switches per inference": fewer, "ns per switch": cost_ns, "bound, ln units": bound},
        reason=(
            f"{abs(fewer):.2g} {'fewer' if fewer >= 0 else 'more'} switches an inference at {cost_ns:.0f} ns each are "
            f"{saved_ns / 1e3:.2g} µs at most, {of_control} of the control's time"
        ),
    )


def weight_transfer_evidence(
    control: ArmSummary, changed: ArmSummary, ceilings: Maybe[Ceilings]
) -> dict[str, Maybe[float]]:
    """What streaming the difference in model size once an inference would take at the measured bandwidth, in ns.

    A bound from above only if weights came from memory each time; caches make it smaller.
    """
    if isinstance(ceilings, Missing):
        return {}
    before, after, rate = control.size_bytes, changed.size_bytes, ceilings.read_bytes_per_s
    if not (is_known(before) and is_known(after) and is_known(rate)):
        return {}
    saved_bytes = before - after
    saved_ns = saved_bytes / rate * 1e9
    found: dict[str, Maybe[float]] = {SAVED_BYTES: float(saved_bytes), SAVED_NS: saved_ns}
    if is_known(control.wall_ns) and is_known(changed.wall_ns) and control.wall_ns.value != changed.wall_ns.value:
        found[SAVED_SHARE] = saved_ns / (control.wall_ns.value - changed.wall_ns.value)
    return found
