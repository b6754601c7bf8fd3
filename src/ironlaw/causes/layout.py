"""layout: one arm computes channels-last, the other pays for reordering."""

from __future__ import annotations

from ironlaw.cause import Cause, Part, Reach
from ironlaw.experiment import Switch
from ironlaw.observed import Observed


class Layout(Cause):
    """One arm computes channels-last, the other pays for reordering."""

    slug = "layout"
    title = "memory layout"
    mechanism = "one arm computes channels-last, the other pays for reordering"
    part = Part.FASTER
    order = 250
    example = "`ironlaw run --arms fp32,fp32+channels_last`: what the memory layout alone is worth"
    switches = (Switch(cause=slug, factor="layout", level="channels_last"),)
    factors = ("layout",)
    reach = Reach.WIDEST

    def shows(self, arm: Observed) -> bool:
        """It takes images, and convolves them in float and not in channels_last."""
        return arm.takes_images and not arm.convolves_in_int8 and not arm.checks.get("channels_last", False)

    def excludes(self, arm: Observed) -> str:
        """It has that layout already."""
        if arm.checks.get("channels_last") is True:
            return "its images are channels_last already"
        return "int8 convolutions are channels_last already" if arm.convolves_in_int8 else ""


CAUSE = Layout()
