"""fusion-regression: the fused or compiled kernel is worse than the separate ones."""

from __future__ import annotations

from ironlaw.cause import Cause, Part


class FusionRegression(Cause):
    """The fused or compiled kernel is worse than the separate ones."""

    slug = "fusion-regression"
    title = "fusion that costs"
    mechanism = "the fused or compiled kernel is worse than the separate ones"
    part = Part.SLOWER
    order = 430
    example = "`ironlaw run --arms int8,int8+fused`: slower after fusion"


CAUSE = FusionRegression()
