"""pmu-misuse: multiplexed, wrapped or partial counts are taken at face value."""

from __future__ import annotations

from ironlaw.cause import Cause, Part


class PmuMisuse(Cause):
    """Multiplexed, wrapped or partial counts are taken at face value."""

    slug = "pmu-misuse"
    title = "misread counters"
    mechanism = "multiplexed, wrapped or partial counts are taken at face value"
    part = Part.FALSE_CONCLUSION
    order = 140
    example = "a counter that reads 0 in one slot of a group and not in another is left out with that reason"


CAUSE = PmuMisuse()
