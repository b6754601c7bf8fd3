"""cold-start: the first inferences pay for compiling, packing and paging in."""

from __future__ import annotations

from ironlaw.cause import Cause, Part


class ColdStart(Cause):
    """The first inferences pay for compiling, packing and paging in."""

    slug = "cold-start"
    title = "cold first inferences"
    mechanism = "the first inferences pay for compiling, packing and paging in"
    part = Part.FALSE_CONCLUSION
    order = 40
    example = "the first inference of an arm is in its row as `first_inference_ms`, never in its time"


CAUSE = ColdStart()
