"""An experiment: a pair of arms that differ only in the switches that remove a suspected cause."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import msgspec

from ironlaw.factor import Direction
from ironlaw.ranges import NotNegative, Number
from ironlaw.variant import Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One level of one factor, the cause it tests, and what it does to an arm that has the cause.

    `adds`: the level adds an obstacle (cold caches, narrower vectors) instead of removing one. It then slows both arms,
    and slows the arm whose advantage is the cause more.
    """

    cause: str
    factor: str
    level: str
    adds: bool = False
    predicts: Direction = Direction.FASTER

    def on(self, variant: Variant) -> Variant:
        """The variant with the switch applied."""
        return variant.with_level(self.factor, self.level)

    def is_on(self, variant: Variant) -> bool:
        """Whether the variant has the level by itself."""
        return variant.level(self.factor) == self.level

    def slows(self) -> bool:
        """Whether the switch is predicted to make the arm that has the cause slower."""
        return self.adds or self.predicts is Direction.SLOWER

    def __str__(self) -> str:
        return f"{self.factor}={self.level}"


# Recordings call the arm `thrown` and the reason `spared`.
class Experiment(msgspec.Struct, frozen=True, kw_only=True, rename={"applied": "thrown", "excluded": "spared"}.get):
    """The arm `applied`, which is `arm` with the switches applied; `arm` itself where its readings exclude the cause.

    An arm without anything that the switch could remove (no page faults to save) needs no second arm: it counts as its
    own result, and `excluded` is the reason. `excluded` is empty if a second arm runs. `beside` is the arm that
    `applied` is compared with, where that is not `arm` (as if it were without the last switch): it differs from
    `applied` in nothing but the cause, which `arm` does not.
    """

    arm: str
    switches: tuple[Switch, ...]
    applied: str
    excluded: str = ""
    beside: str = ""


class CauseState(Enum):
    """The state of the experiments on a cause during a run."""

    WAITING = "waiting"  # called for by what the arms show, and not begun
    OPEN = "open"
    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    STUCK = "stuck"  # further replicates would not change the verdict
    HOPELESS = "hopeless"  # more replicates are needed than the budget buys


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseStanding:
    """The state of the experiments on a cause when the last replicate was planned.

    `hypotheses` is the number of comparisons they are judged in; `seconds` is how much more time would decide them, if
    known.
    """

    cause: str
    state: CauseState
    hypotheses: Number = 1
    seconds: NotNegative | None = None
