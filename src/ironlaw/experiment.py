"""An experiment: the switch that would remove a suspected cause, thrown on both sides of a comparison."""

from __future__ import annotations

from dataclasses import dataclass

from ironlaw.factor import Direction
from ironlaw.variant import Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One level of one factor, the cause it tests, and what it does to an arm that has the cause.

    `adds` says that the level puts something in the way (cold caches, narrower vectors) instead of taking something
    away: then it slows, and the arm that owes its advantage to the cause more than the other.
    """

    cause: str
    factor: str
    level: str
    adds: bool = False
    predicts: Direction = Direction.FASTER

    def on(self, variant: Variant) -> Variant:
        """The variant with the switch thrown."""
        return variant.with_level(self.factor, self.level)

    def slows(self) -> bool:
        """Whether the arm that has the cause is predicted to become slower with the switch thrown."""
        return self.adds or self.predicts is Direction.SLOWER

    def __str__(self) -> str:
        return f"{self.factor}={self.level}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thrown:
    """An arm that stands for another one with switches thrown; `spared` where it is the other one itself.

    An arm whose readings show nothing that the switch could remove (no page faults to save) is spared the
    experiment, and counts as its own result.
    """

    arm: str
    switches: tuple[Switch, ...]
    thrown: str
    spared: str = ""  # why no arm of its own was needed; empty: there is one
