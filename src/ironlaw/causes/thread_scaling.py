"""thread-scaling: one arm uses the threads less well."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.experiment import Switch


class ThreadScaling(Cause):
    """One arm uses the threads less well."""

    slug = "thread-scaling"
    title = "thread scaling"
    mechanism = "one arm uses the threads less well"
    part = Part.SLOWER
    order = 390
    example = "`ironlaw run --arms fp32,int8,fp32+threads=2,int8+threads=2`: does the gain remain with two threads?"
    other_levels = (Switch(cause=slug, factor="threads", level="2"),)
    factors = ("threads",)


CAUSE = ThreadScaling()
