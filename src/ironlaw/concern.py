"""A doubt, shown beside the number it doubts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Weight(Enum):
    """What a concern does to a conclusion."""

    INVALIDATES = "invalidates"  # the comparison answers another question than the one asked
    DOUBTS = "doubts"
    NOTES = "notes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """One reason to doubt a result, the arm it touches, and the remedy.

    `slug` is its id in machine-readable output; `arm` is empty when the whole recording is meant.
    """

    slug: str
    text: str
    fix: str
    arm: str = ""
    weight: Weight = Weight.DOUBTS
