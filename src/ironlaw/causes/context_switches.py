"""context-switches: the scheduler takes the CPU away more often in one arm."""

from __future__ import annotations

import math

from ironlaw.cause import Cause, Guess, Part
from ironlaw.explanation import ArmSummary, CauseVerdict, Outcome
from ironlaw.fact import Ceilings
from ironlaw.missing import Maybe, Missing, is_known


class ContextSwitches(Cause):
    """The scheduler takes the CPU away more often in one arm."""

    slug = "context-switches"
    title = "context switches"
    mechanism = "the scheduler takes the CPU away more often in one arm"
    part = Part.FASTER
    order = 340
    example = "a bound: fewer switches times the measured cost of one; 0.26 µs of 23.1 ms here, so refuted"
    guesses = (Guess(place=5, text="fewer context switches"),)

    def bound(
        self, control: ArmSummary, changed: ArmSummary, ceilings: Maybe[Ceilings], *, smallest: float
    ) -> CauseVerdict | None:
        """How much of the difference fewer context switches can be: their number times the measured cost of one.

        Refuted when even that bound would not matter; otherwise the readings are consistent with it, no more. The cost
        is that of switching, without what the other process leaves in the caches. None where the cost was not measured.
        """
        if isinstance(ceilings, Missing):
            return None
        before, after = control.context_switches, changed.context_switches
        cost_ns, wall = ceilings.switch_ns, control.wall_ns
        if not (is_known(before) and is_known(after) and is_known(cost_ns) and is_known(wall)):
            return None
        fewer = before - after
        saved_ns = abs(fewer) * cost_ns
        bound = -math.log1p(-min(0.99, saved_ns / wall.value))
        part = saved_ns / wall.value
        of_control = "less than 0.01 %" if part < 1e-4 else f"{100 * part:.2f} %"
        return CauseVerdict(
            cause=self.slug,
            outcome=Outcome.REFUTED if bound < smallest else Outcome.CONSISTENT,
            effect=Missing("a bound, not an experiment"),
            evidence={"fewer switches per inference": fewer, "ns per switch": cost_ns, "bound, ln units": bound},
            reason=(
                f"{abs(fewer):.2g} {'fewer' if fewer >= 0 else 'more'} switches an inference at {cost_ns:.0f} ns each "
                f"are {saved_ns / 1e3:.2g} µs at most, {of_control} of the control's time"
            ),
        )


CAUSE = ContextSwitches()
