"""A number with its interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value and the ends of its 95 % interval, in the same unit as the value."""

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and self.low <= self.value <= self.high):
            raise ValueError(f"not an estimate: {self.value} in [{self.low}, {self.high}]")

    def excludes(self, value: float) -> bool:
        """Whether the interval lies wholly on one side of the value."""
        return not self.low <= value <= self.high

    def lies_within(self, bound: float) -> bool:
        """Whether the whole interval is inside (-bound, +bound)."""
        return -bound < self.low and self.high < bound

    def through(self, increasing: Callable[[float], float]) -> Estimate:
        """The estimate of an increasing function of the value, for example exp of a ln-ratio."""
        return Estimate(value=increasing(self.value), low=increasing(self.low), high=increasing(self.high))

    def negated(self) -> Estimate:
        """The estimate of minus the value."""
        return Estimate(value=-self.value, low=-self.high, high=-self.low)

    @property
    def half_width(self) -> float:
        """Half the length of the interval, in the unit of the value."""
        return (self.high - self.low) / 2
