"""denormals: one arm computes on subnormal numbers, which take assists."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.experiment import Switch
from ironlaw.observed import Observed

LEAST_SUBNORMAL_SHARE = 1e-4


class Denormals(Cause):
    """One arm computes on subnormal numbers, which take assists."""

    slug = "denormals"
    title = "denormals"
    mechanism = "one arm computes on subnormal numbers, which take assists"
    part = Part.FASTER
    order = 180
    example = "`ironlaw run --arms fp32,fp32+denormals=flushed`: a net with tiny activations runs much faster flushed"
    count = "subnormal_share"
    counted_in = "share of the values computed that are subnormal"
    switches = (Switch(cause=slug, factor="denormals", level="flushed"),)
    factors = ("denormals",)

    def shows(self, arm: Observed) -> bool:
        """Some of what it computes is subnormal."""
        return arm.census.get(self.count, 0.0) >= LEAST_SUBNORMAL_SHARE

    def excludes(self, arm: Observed) -> str:
        """Nothing is."""
        return "it computes no subnormal numbers" if self.count in arm.census and not self.shows(arm) else ""


CAUSE = Denormals()
