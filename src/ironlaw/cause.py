"""A cause: why one arm may be faster than another, how readings show it, and which switches remove it.

Each file under causes/ defines one instance named CAUSE, of a subclass where readings have to be judged. To add a
cause, add a file. A cause is pure: it judges readings and reads nothing itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from ironlaw.concern import Concern, Weight
from ironlaw.experiment import Switch
from ironlaw.explanation import (
    ArmSummary,
    CauseVerdict,
)
from ironlaw.explanation.account import Category
from ironlaw.explanation.split import Term
from ironlaw.fact import Ceilings
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.observed import Observed

# Relative difference below which two arms have equally much of a cause: page faults of equal arms differ by less.
SAME_BURDEN = 0.05
# How unlike two arms are taken to be in a cause that is no more than a suspicion.
SUSPECTED = 0.5
# Of the time that the slower arm spends in a cause's code, from which on the faster one spends as much there: both are
# known by a few hundred samples.
_AS_MUCH = 0.8
_SMALL_SHARE = 0.1  # of the time: percentages below are given with one decimal


class Part(Enum):
    """The parts of the catalogue."""

    FALSE_CONCLUSION = "A"
    FASTER = "B"
    SLOWER = "C"


class Reach(Enum):
    """Which arms a cause is tested on."""

    SHOWING = "every arm that shows it"  # a defect, wherever it is
    WIDEST = "both sides of the widest comparison"  # no more than a suspicion: where it matters most


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A published guess, which verdicts on one or several causes answer.

    `term`: the split's term that answers it. `level`: a factor's level; the arms with and without it are shown beside
    the answer. `beyond`: what the guess also claims and no experiment shows. `counts_bytes`: bytes over bandwidth
    answer it too.
    """

    place: int
    text: str
    term: Term | None = None
    level: tuple[str, str] | None = None
    beyond: str = ""
    counts_bytes: bool = False


class Cause:
    """A cause's description, signature and experiments and, if no experiment exists, what readings alone can show.

    By default the hooks claim nothing; causes override them.
    """

    slug: str
    title: str  # a noun phrase that can be the subject of a sentence
    mechanism: str  # how it works, as a clause
    part: Part
    example: str  # in the catalogue: a command with what it showed, or where to look
    order: int = 1000  # in the report, among the experiments of a recording, and within a part of the catalogue
    counted_in: str = ""  # what `burden` counts; empty for a cause that is there or is not

    switches: tuple[Switch, ...] = ()  # the planner applies them to arms whose engine can
    other_levels: tuple[Switch, ...] = ()  # test it too, in arms that are requested by name
    factors: tuple[str, ...] = ()  # a difference between two arms in one of them is this cause
    # Of a factor that is no switch: where the widest comparison differs in it and in this one alone, the other two
    # corners of both are run, if the engines offer them.
    crossed: str = ""
    reach: Reach = Reach.SHOWING
    # Of its factors those whose levels remove the cause and little else: where one of them shows nothing, what another
    # switch gains is not this cause.
    exact: tuple[str, ...] = ()
    # Moves with anything else that is changed about a process: other causes are tested with it taken away.
    is_confounder: bool = False
    # Of a switch that adds: why a slower arm that loses by it as well leaves the cause undecided. Empty: it does not.
    if_slower_loses: str = ""
    events: tuple[str, ...] = ()  # whose association with time points to it
    guesses: tuple[Guess, ...] = ()
    # The code that does what the cause consists of and little else; empty where it is in code that does more.
    located_in: tuple[Category, ...] = ()
    # Where the share of an arm's time in that code is all that readings can show: what such an arm does, as the
    # predicate of a sentence, and the share from which on this is consistent with the cause.
    does: str = ""
    least_share: float = 1.0
    # Where one entry of the readings decides: the count of the census that is its burden, or the check that finds it,
    # and why an arm with none is excluded, as a clause.
    count: str = ""
    check: str = ""
    if_none: str = ""

    def shows(self, arm: Observed) -> bool:
        """Whether an arm's readings justify running the experiment."""
        if self.check:
            return arm.checks.get(self.check, False)
        return bool(self.count) and arm.census.get(self.count, 0.0) > 0

    def burden(self, arm: Observed) -> Maybe[float]:
        """How much of the cause the arm has, in `counted_in`."""
        return arm.census.get(self.count, 0.0) if self.count else 1.0

    def unlikeness(self, control: Observed, changed: Observed) -> float:
        """How unlike two arms are in the cause, from 0 to 1; SUSPECTED where readings do not show it.

        Where the cause is counted, the difference of both burdens over the larger one: also where one of them alone
        shows it, since the other one can have nearly as much.
        """
        burdens = self.burden(control), self.burden(changed)
        if self.counted_in and all(map(is_known, burdens)):
            low, high = sorted(burden for burden in burdens if not isinstance(burden, Missing))
            return (high - low) / high if high > 0 else 0.0
        return 1.0 if self.shows(control) != self.shows(changed) else SUSPECTED

    def costs_more(self, one: Observed, other: Observed) -> bool:
        """Whether the readings of `one` show more of what the cause costs; False where they do not show it."""
        burdens = self.burden(one), self.burden(other)
        if self.counted_in:
            first, second = burdens
            return is_known(first) and is_known(second) and first > second
        is_cost = bool(self.switches) and not any(switch.slows() for switch in self.switches)
        return is_cost and self.shows(one) and not self.shows(other)

    def excludes(self, arm: Observed) -> str:
        """Why the arm's readings exclude this cause; empty if they do not."""
        has_none = arm.checks.get(self.check) is False if self.check else arm.census.get(self.count) == 0
        return self.if_none if has_none else ""

    def sized(self, switch: Switch, control: Observed, machine: Maybe[Machine]) -> tuple[Switch, ...]:
        """The switch with the level (or one level per arm) that suits this machine."""
        return (switch,)

    def suits(self, switch: Switch, arm: Observed) -> bool:
        """Whether the switch, at its level, would change what the arm shows."""
        return True

    def fitted(self, switch: Switch, arm: Observed) -> Switch:
        """The switch at the level that suits an arm which shows the cause."""
        return switch

    def beside(self, switch: Switch) -> Switch | None:
        """What an arm with the switch is compared with, where the switch changes more about an arm than the cause: the
        level of the same factor that changes all of that and leaves the cause. None: the arm as it is.
        """
        return None

    def is_between(self, factor: str, levels: tuple[str, str], arms: Sequence[Observed]) -> bool:
        """Whether two levels of one of its factors differ in this cause, by the readings of the arms that have them."""
        return True

    def at(self, factor: str, level: str) -> Switch | None:
        """What a level tests; None if it tests nothing. A cause overrides it for levels that are names."""
        known = (switch for switch in self.levels() if (switch.factor, switch.level) == (factor, level))
        return next(known, None)

    def exempt(self, switch: Switch, arm: Observed) -> str:
        """Why there is nothing in an arm that a switch which adds something could be put in the way of; or empty.

        Such an arm stays as it is while the other one is switched.
        """
        return ""

    def may_divide(self, control: Observed, changed: Observed) -> bool:
        """Whether two arms can differ by this cause, as far as their kind is known."""
        return True

    def consistent(self, arm: Observed, machine: Maybe[Machine]) -> str:
        """The readings of the slower arm that are consistent with the cause, for a cause without a switch; empty if
        there are none.
        """
        share = arm.share_of(*self.located_in)
        if not self.does or share < self.least_share:
            return ""
        digits = 1 if self.least_share < _SMALL_SHARE else 0
        return f"{arm.arm.name} {self.does} for {100 * share:.{digits}f} % of its time"

    def is_in_both(self, slower: Observed, faster: Observed) -> bool:
        """Whether two arms do not differ by the cause: the faster one spends as much time in its code or, if it is not
        located in code, has as much of what its burden counts.
        """
        if not self.does:
            return bool(self.counted_in) and self.is_equal_in(slower, faster)
        times = [arm.wall_ns * arm.share_of(*self.located_in) for arm in (slower, faster)]
        return times[0] > 0 and times[1] >= _AS_MUCH * times[0]

    def consistent_beside(self, slower: Observed, faster: Observed) -> str:
        """The readings of the slower arm beside those of the faster one that are consistent with the cause; empty if
        there are none.
        """
        return ""

    def nodes(self, arm: Observed) -> str:
        """The nodes of an arm that show the cause, by name in parentheses; empty if none is known."""
        return ""

    def bound(
        self, control: ArmSummary, changed: ArmSummary, ceilings: Maybe[Ceilings], *, smallest: float
    ) -> CauseVerdict | None:
        """The most that the cause can be worth, refuted if below `smallest`, in ln units; None if no bound is known."""
        return None

    def evidence(self, control: ArmSummary, changed: ArmSummary, ceilings: Maybe[Ceilings]) -> dict[str, Maybe[float]]:
        """Numbers to show beside those of the experiment, by name with unit."""
        return {}

    def concern(self, arm: Observed, cost: str) -> Concern | None:
        """The fault that invalidates an arm's comparison; None if there is none.

        `cost` is the cost that an experiment measured, as a clause that follows the fault; empty without an experiment.
        """
        return None

    # What follows from the above.

    @property
    def is_tested(self) -> bool:
        """Whether an experiment exists for it."""
        return bool(self.switches) or bool(self.crossed)

    def levels(self) -> tuple[Switch, ...]:
        """All levels that test it."""
        return (*self.switches, *self.other_levels)

    def is_equal_in(self, one: Observed, other: Observed) -> bool:
        """Whether both arms show the cause to the same extent, so that they do not differ by it."""
        burdens = self.burden(one), self.burden(other)
        if not (self.shows(one) and self.shows(other) and all(map(is_known, burdens))):
            return False
        first, second = (burden for burden in burdens if not isinstance(burden, Missing))
        return abs(first - second) <= SAME_BURDEN * max(first, second)


def noted_if(asked_for: bool) -> Weight:
    """The weight of an invalidating fault: a note if the arm was requested with the fault."""
    return Weight.NOTES if asked_for else Weight.INVALIDATES
