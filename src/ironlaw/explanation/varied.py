"""The results of a recording that varies a setting: the difference at each point, and where it turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ironlaw.estimate import Estimate
from ironlaw.missing import Maybe
from ironlaw.point import Point

if TYPE_CHECKING:
    from ironlaw.explanation import Difference, Explanation, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class PointFound:
    """A point and the explanation of its arms alone; nothing is carried over from another point."""

    point: Point
    explanation: Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class PointGain:
    """The difference of two arms at one value of a setting, in ln of control over changed.

    `difference` is what the comparison may claim among all points of the recording; `reason` says why it may claim
    nothing, where that is not the width of its interval.
    """

    value: str
    control: str
    changed: str
    difference: Difference
    ln_ratio: Maybe[Estimate]
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurningPoint:
    """Two neighbouring values at which the difference has opposite signs, and by how much it differs between them.

    Values at which neither sign is shown may lie between them. `interaction` is ln(control/changed) at the first minus
    that at the second, from the replicates of both.
    """

    first: str
    second: str
    interaction: Maybe[Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class GainSeries:
    """Two arms along one setting, everything else equal: the verdict on the cause `regime`.

    Confirmed: one is faster at some value and slower at another. Refuted: it is faster, or slower, at every value.
    `change` is ln(control/changed) at the first value minus that at the last one.
    """

    setting: str
    at: Point  # what is varied besides, at this value
    control: str
    changed: str
    gains: tuple[PointGain, ...]
    outcome: Outcome
    turns: tuple[TurningPoint, ...]
    change: Maybe[Estimate]

    def gain(self, value: str) -> PointGain:
        """The difference at one value."""
        return next(gain for gain in self.gains if gain.value == value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Varied:
    """Every point, in the plan's order, and every two arms along every setting."""

    points: tuple[PointFound, ...]
    series: tuple[GainSeries, ...]

    def explanation_of(self, arm: str, otherwise: Explanation) -> Explanation:
        """The explanation of the point that an arm is at."""
        homes = (one.explanation for one in self.points if any(row.arm == arm for row in one.explanation.arms))
        return next(homes, otherwise)
