"""The state of a run between two replicates, and the decision about the next: which arms, and for how long.

The recorder reports the situation; a function given from outside decides, since `measure` does not analyse.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ironlaw.arm import Arm
from ironlaw.circumstance import ShortBudget
from ironlaw.fact import Ending, Fact
from ironlaw.plan import Plan

# Replicates after which there is a first interval. What needs none of their time waits until then.
FIRST_INTERVAL = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicateSpent:
    """The wall time of one replicate by activity, in seconds of the recorder's clock.

    `counting_s` is from the first turn's order to the last turn's answer, gaps between turns included.
    """

    replicate: int
    arms: tuple[str, ...]
    starting_s: float
    counting_s: float = 0.0
    layers_s: float = 0.0
    code_s: float = 0.0
    answers_s: float = 0.0
    answered: int = 0  # arms whose answers were requested in it
    stopping_s: float = 0.0

    @property
    def measuring_s(self) -> float:
        """The time after its start, without the cost of starting and stopping."""
        return self.counting_s + self.layers_s + self.code_s + self.answers_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything known about a run when a decision is due.

    `spent` has an entry for each completed replicate and, while a replicate is dimensioned, one for its start.
    `preparing_s` is the time that preparing the `prepared` arms took.
    """

    plan: Plan
    facts: Sequence[Fact]
    elapsed_s: float
    spent: tuple[ReplicateSpent, ...] = ()
    preparing_s: float = 0.0
    prepared: int = 0
    failed: frozenset[str] = frozenset()
    answered: frozenset[str] = frozenset()

    @property
    def left_s(self) -> float:
        """Seconds of the budget that are left; infinite without one."""
        budget_s = self.plan.schedule.budget_s
        return math.inf if budget_s is None else budget_s - self.elapsed_s

    def alive(self) -> tuple[Arm, ...]:
        """The arms that can take turns."""
        stopped = {*self.failed, *self.plan.retired, *self.plan.resting}
        return tuple(arm for arm in self.plan.arms if arm.name not in stopped)


@dataclass(frozen=True, slots=True, kw_only=True)
class NextReplicate:
    """Whether another replicate runs, and its plan.

    `plan` is the run's plan with arms and experiments added or removed; new arms are prepared first. `ending` ends the
    run instead. `knows` is what is known so far, for the progress display.
    """

    plan: Plan
    ending: Ending | None = None
    knows: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """How much a started replicate measures.

    `turns` holds, by arm, the inferences of its turn in each round; all arms have the same number of rounds. `layers_s`
    and `code_s` are the time limits for reading layers and sampling code afterwards, 0 if left out. `answers`: whether
    arms that have not answered the shared inputs yet do so. `foreseen` is the number of replicates expected for the
    run.
    """

    turns: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    layers_s: float = 0.0
    code_s: float = 0.0
    answers: bool = True
    foreseen: int = 1
    circumstances: tuple[ShortBudget, ...] = ()

    @property
    def rounds(self) -> int:
        """The number of rounds of the replicate."""
        return max(map(len, self.turns.values()), default=0)
