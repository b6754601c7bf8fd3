"""uncalibrated: observers never saw data, so a broken model is being timed."""

from __future__ import annotations

from ironlaw.cause import Cause, Part, noted_if
from ironlaw.concern import Concern
from ironlaw.observed import Observed

# One may be a coincidence (a tensor whose range is just that of its type); observers without data give them all.
FEWEST_UNIT_SCALES = 2


class Uncalibrated(Cause):
    """Observers never saw data, so a broken model is being timed."""

    slug = "uncalibrated"
    title = "missing calibration"
    mechanism = "observers never saw data, so a broken model is being timed"
    part = Part.FALSE_CONCLUSION
    order = 60
    example = "`ironlaw run --arms fp32,int8+calibration=none`: SQNR falls, and the comparison is called invalid"
    factors = ("calibration",)

    def concern(self, arm: Observed, cost: str) -> Concern | None:
        """Its observers never saw data."""
        count = arm.census.get("unit_scales", 0.0)
        if count < FEWEST_UNIT_SCALES:
            return None
        return Concern(
            slug=self.slug,
            text=f"{count:.0f} of its int8 operators have scale 1 and zero point 0: their observers never saw data",
            fix="run real inputs through the prepared model before converting it",
            arm=arm.arm.name,
            weight=noted_if(arm.level("calibration") == "none"),
        )


CAUSE = Uncalibrated()
