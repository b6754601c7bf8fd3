"""unequal-work: shape, batch or preprocessing differ between the arms."""

from __future__ import annotations

from ironlaw.cause import Cause, Part


class UnequalWork(Cause):
    """Shape, batch or preprocessing differ between the arms."""

    slug = "unequal-work"
    title = "unequal work"
    mechanism = "shape, batch or preprocessing differ between the arms"
    part = Part.FALSE_CONCLUSION
    order = 160
    example = "MACs per inference differ between the arms"


CAUSE = UnequalWork()
