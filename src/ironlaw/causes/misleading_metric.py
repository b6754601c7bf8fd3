"""misleading-metric: a ratio moves against the time it is taken to explain."""

from __future__ import annotations

from ironlaw.cause import Cause, Guess, Part
from ironlaw.explanation.split import Term


class MisleadingMetric(Cause):
    """A ratio moves against the time it is taken to explain."""

    slug = "misleading-metric"
    title = "a misleading metric"
    mechanism = "a ratio moves against the time it is taken to explain"
    part = Part.FALSE_CONCLUSION
    order = 150
    example = "IPC falls while time falls: the paragraph says *Misleading*, and the split holds"
    guesses = (Guess(place=4, text="IPC rose, because the operations are lighter", term=Term.CPI),)


CAUSE = MisleadingMetric()
