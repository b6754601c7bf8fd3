"""Concerns: reasons to doubt a number, shown beside it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

# The slug of the concern that an arm does not answer as the control does. Where it invalidates, the arm computes
# something else; where it is a doubt, it is less precise than was requested.
OTHER_ANSWERS = "other-answers"
# That of an event that was not counted.
LOST_COUNTER = "lost-counter"


class Weight(Enum):
    """What a concern does to a conclusion."""

    INVALIDATES = "invalidates"  # the comparison answers another question than the one asked
    DOUBTS = "doubts"
    NOTES = "notes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """A reason to doubt a result, the arm it is about, and the remedy.

    `slug` is its id in machine-readable output. `arm` is empty if it is about the whole recording.
    """

    slug: str
    text: str
    fix: str
    arm: str = ""
    weight: Weight = Weight.DOUBTS
