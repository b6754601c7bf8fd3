"""Where a run is between two replicates, and the decision: which arms the next measures, and for how long.

The recorder states the situation; what is decided comes from outside, since measuring does not think.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ironlaw.arm import Arm
from ironlaw.circumstance import ShortBudget
from ironlaw.fact import Ending, Fact
from ironlaw.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicateSpent:
    """What the wall time of one replicate went into, in seconds, as the recorder's clock has it.

    `counting_s` is from the first order of a turn to the last answer: the turns with what is between them.
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
        """Everything behind its start, that is not paid for starting and stopping."""
        return self.counting_s + self.layers_s + self.code_s + self.answers_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that is known of a run when a decision is due.

    `spent` has an entry for each replicate that was run to its end, and while one is being dimensioned that one's start
    behind them. `preparing_s` is what preparing the `prepared` arms took.
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
    """Whether another replicate is run, and by which plan.

    `plan` is the run's with the arms and experiments that join and the arms that leave; what it has new is prepared
    first. `ending` ends the run instead. `knows` says what is known so far, for the progress display.
    """

    plan: Plan
    ending: Ending | None = None
    knows: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """How much is measured in a replicate that has started.

    `turns` holds, by arm, the inferences of its turn in each round; all arms have as many rounds. `layers_s` and
    `code_s` are what reading layers and sampling code may take behind them, nothing where they are left out; `answers`
    whether the arms that have not answered yet are asked to. `foreseen` is the number of replicates that the run will
    have by now.
    """

    turns: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    layers_s: float = 0.0
    code_s: float = 0.0
    answers: bool = True
    foreseen: int = 1
    circumstances: tuple[ShortBudget, ...] = ()

    @property
    def rounds(self) -> int:
        """How many rounds the replicate has."""
        return max(map(len, self.turns.values()), default=0)
