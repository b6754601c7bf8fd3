"""layout-conversion: permutes and reorders run at each call."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.explanation.account import Category
from ironlaw.machine import Machine
from ironlaw.missing import Maybe
from ironlaw.observed import Observed

LEAST_SHARE = 0.15  # of the time


class LayoutConversion(Cause):
    """Permutes and reorders run at each call."""

    slug = "layout-conversion"
    title = "layout conversion"
    mechanism = "permutes and reorders run at each call"
    part = Part.SLOWER
    order = 380
    example = "the census counts permutes and copies that the other arm does not have"
    located_in = (Category.REORDER,)

    def consistent(self, arm: Observed, machine: Maybe[Machine]) -> str:
        """Samples fall into code that copies and reorders."""
        share = arm.share_of(Category.REORDER)
        return f"{arm.arm.name} copies and reorders tensors for {share:.0%} of its time" if share >= LEAST_SHARE else ""


CAUSE = LayoutConversion()
