"""frequency: the arms ran at different clock frequencies."""

from __future__ import annotations

from ironlaw.cause import Cause, Part


class Frequency(Cause):
    """The arms ran at different clock frequencies."""

    slug = "frequency"
    title = "clock frequency"
    mechanism = "the arms ran at different clock frequencies"
    part = Part.FALSE_CONCLUSION
    order = 110
    example = "cycles over task-clock differ between the arms: a term of the split"


CAUSE = Frequency()
