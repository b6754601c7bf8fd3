"""An experiment: an arm beside another one, which differs in the switches that would take a suspected cause away."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import msgspec

from ironlaw.factor import Direction
from ironlaw.laws import NotNegative, Number
from ironlaw.variant import Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One level of one factor, the cause it tests, and what it does to an arm that has the cause.

    `adds` says that the level puts something in the way (cold caches, narrower vectors) instead of taking something
    away: then it slows, and it slows the arm whose advantage is the cause more than the other.
    """

    cause: str
    factor: str
    level: str
    adds: bool = False
    predicts: Direction = Direction.FASTER

    def on(self, variant: Variant) -> Variant:
        """The variant with the switch applied."""
        return variant.with_level(self.factor, self.level)

    def slows(self) -> bool:
        """Whether the arm that has the cause is predicted to become slower by the switch."""
        return self.adds or self.predicts is Direction.SLOWER

    def __str__(self) -> str:
        return f"{self.factor}={self.level}"


# Recordings call the arm `thrown` and the reason `spared`.
class Experiment(msgspec.Struct, frozen=True, kw_only=True, rename={"applied": "thrown", "excluded": "spared"}.get):
    """The arm `applied`, which is `arm` with the switches applied; `arm` itself where its readings exclude the cause.

    An arm that shows nothing the switch could remove (no page faults to save) needs no arm beside it, and counts as
    its own result. `excluded` is the reason; empty where a second arm runs.
    """

    arm: str
    switches: tuple[Switch, ...]
    applied: str
    excluded: str = ""


class CauseState(Enum):
    """How the experiments on a cause stand while a run continues."""

    WAITING = "waiting"  # called for by what the arms show, and not begun
    OPEN = "open"
    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    STUCK = "stuck"  # further replicates would not change the verdict
    HOPELESS = "hopeless"  # more replicates are needed than the budget buys


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseStanding:
    """How the experiments on a cause stood when the last replicate was planned.

    `hypotheses` is how many comparisons they are judged in; `seconds`, where it is known, how much more time would
    decide them.
    """

    cause: str
    state: CauseState
    hypotheses: Number = 1
    seconds: NotNegative | None = None
