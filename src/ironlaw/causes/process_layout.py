"""process-layout: the memory layout of the process shifts small differences."""

from __future__ import annotations

from ironlaw.cause import Cause, Part


class ProcessLayout(Cause):
    """Where the process landed in memory moves small differences."""

    slug = "process-layout"
    title = "process layout"
    mechanism = "the memory layout of the process shifts small differences"
    part = Part.FALSE_CONCLUSION
    order = 130
    example = "the replicates of one arm differ by more than its rounds, for example with its page faults"


CAUSE = ProcessLayout()
