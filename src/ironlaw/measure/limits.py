"""How long an arm is waited for: as long as an order may take, and no longer than the run's budget allows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

IMPORT_LIMIT_S = 180.0  # of an interpreter
# Of the time that is left: the rest is for the other arms and for a first replicate.
SHARE = 3 / 4
# A shorter budget is taken as this here: importing torch and a model takes 3 s on quiet CPUs, and 20 s on busy ones.
SHORTEST_BUDGET_S = 40.0
# Where little or nothing is left: what is begun then takes seconds, and an arm that is stopped is lost.
LEAST_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The seconds that an arm is waited for; `budget_s` is the run's budget where that allows no more."""

    s: float
    budget_s: float | None = None

    @property
    def reason(self) -> str:
        """Why it is stopped after that time."""
        late = f"no answer within {self.s:.0f} s"
        return late if self.budget_s is None else f"{late}, as long as a budget of {self.budget_s:g} s allows"

    @property
    def hint(self) -> str:
        """What lets it take longer; empty where nothing does."""
        if self.budget_s is None:
            return ""
        longer_s = math.ceil(2 * max(self.budget_s, SHORTEST_BUDGET_S) / 10) * 10
        return f"if it does not wait for ever, a longer budget: --budget {longer_s}"


class Limits:
    """The limits of a run. Without a budget each order has its own alone."""

    def __init__(self, now_s: Callable[[], float], budget_s: float | None = None) -> None:
        """The run begins now, on this clock, unless it does so later."""
        self._now_s = now_s
        self.begin(budget_s)

    def begin(self, budget_s: float | None) -> None:
        """The run begins now, with this budget."""
        self._budget_s = budget_s
        self._ends_s = math.inf if budget_s is None else self._now_s() + max(budget_s, SHORTEST_BUDGET_S)

    def of(self, most_s: float) -> Limit:
        """The limit of what is ordered now, and never takes longer than `most_s`."""
        allowed_s = max(LEAST_S, SHARE * (self._ends_s - self._now_s()))
        return Limit(s=most_s) if most_s <= allowed_s else Limit(s=allowed_s, budget_s=self._budget_s)
