"""The waterfall of a protocol as rows of text: speed-ups, and between them what each fixed fault takes off."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ironlaw.causes import cause_of
from ironlaw.explanation import Comparison, Explanation, WaterfallStep
from ironlaw.missing import Missing
from ironlaw.report.quantity import DASH, ratio
from ironlaw.text import plain

_WHOLES = {"post": "the speed-up as the blog post measured it", "honest": "the fair speed-up, which is the product of"}
_PARTS = {"precision": "precision: the rest, with all of that equal"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WaterfallRow:
    """A step: what it is called, its factor with the interval, and whether it is a speed-up or part of one."""

    name: str
    factor: str
    is_whole: bool


def waterfall_heading() -> str:
    """What is above the rows."""
    return "From the blog post's speed-up to the fair one (factors; those between two speed-ups multiply):"


def waterfall_rows(explanation: Explanation) -> tuple[WaterfallRow, ...]:
    """The rows in their order; none without a protocol."""
    return tuple(_row(step) for step in explanation.waterfall)


def compared_with_waterfall(explanation: Explanation, comparisons: tuple[Comparison, ...]) -> tuple[Comparison, ...]:
    """The comparisons to show at length: with a waterfall only the one that it starts from, else all of them."""
    if not explanation.waterfall:
        return comparisons
    return tuple(one for one in comparisons if (one.control, one.changed) == explanation.waterfall[0].arms)


def _row(step: WaterfallStep) -> WaterfallRow:
    name = _WHOLES.get(step.name) or f"  of which {_PARTS.get(step.name) or cause_of(step.name).title}"
    factor = f"{DASH} ({plain(step.ln.reason)})" if isinstance(step.ln, Missing) else ratio(step.ln.through(math.exp))
    return WaterfallRow(name=name, factor=factor, is_whole=step.is_whole)
