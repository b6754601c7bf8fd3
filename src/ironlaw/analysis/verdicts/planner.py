"""Which experiments the readings so far call for. Pure, so that a recording shows why each was chosen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import combinations

from ironlaw.analysis.turns import ArmTurns, turns_of
from ironlaw.analysis.verdicts.bench import Contribution, provisional
from ironlaw.analysis.verdicts.observation import observe
from ironlaw.arm import Arm
from ironlaw.cause import Cause, Reach
from ironlaw.causes import CAUSES, TESTED, cause_of
from ironlaw.errors import BadInput, offer_closest
from ironlaw.experiment import Experiment, Switch
from ironlaw.missing import Maybe, is_known
from ironlaw.observed import Observed
from ironlaw.plan import Plan
from ironlaw.recording import Recording
from ironlaw.variant import Variant

# Two causes taken away together need one arm a side; three need four, and what they cost in replicates decides less.
MOST_JOINT = 2
# What the faster side has more of explains none of its lead: without it the lead would be larger. Of that as much is
# expected as of a quarter of what the slower one has.
OPPOSED = 0.25


def applies(switch: Switch, variant: Variant) -> bool:
    """Whether the variant's engine can apply the switch to an arm that it has loaded."""
    return variant.takes(switch.factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which experiments may run: the causes requested, the switches that work on this machine, and in which arms."""

    causes: tuple[str, ...] = TESTED
    possible: Callable[[Switch], Maybe[bool]] = lambda switch: True
    applies: Callable[[Switch, Variant], bool] = applies


def parse_wanted(text: str) -> tuple[str, ...]:
    """The causes in --experiments: all, none, or slugs separated by commas.

    Raises:
        BadInput: a slug has no experiment.
    """
    if text in ("all", "none"):
        return TESTED if text == "all" else ()
    chosen = tuple(slug.strip() for slug in text.split(",") if slug.strip())
    for slug in chosen:
        if slug not in TESTED:
            raise BadInput(f"no experiment tests {slug!r}", hint=offer_closest(slug, list(TESTED)))
    return chosen


def called_for(recording: Recording, wanted: Wanted, turns: dict[str, ArmTurns] | None = None) -> list[Experiment]:
    """The experiments on single causes that the readings so far call for, planned or not.

    `turns` are those of the recording, where they were gathered already: that takes longer than everything else here.
    """
    proposed: list[Experiment] = []
    for scene in _scenes(recording, wanted, turns):
        proposed += _called_for_in(scene, recording)
    return list(dict.fromkeys(proposed))


def _called_for_in(scene: _Scene, recording: Recording) -> list[Experiment]:
    wanted, proposed = scene.wanted, list[Experiment]()
    for cause, switch in _possible(wanted):
        if cause.slug in wanted.causes or switch in scene.confounders:
            for sized in cause.sized(switch, scene.control, recording.machine):
                if is_known(wanted.possible(sized)):
                    proposed += scene.experiments(cause, sized)
    for cause in CAUSES.values():
        if cause.slug in wanted.causes:
            proposed += _corners(cause, scene)
    return proposed


def joint(recording: Recording) -> list[Experiment]:
    """Experiments that remove the largest causes of the widest comparison together, to see if they overlap."""
    proposed: dict[str, Experiment] = {}
    for control, changed, found in provisional(recording)[:1]:
        chosen = _joinable(found)[:MOST_JOINT]
        for side, name in enumerate((control, changed)):
            own = [entry for entry in recording.plan.experiments if entry.arm == name and not entry.excluded]
            arm = recording.plan.arm(name)
            applied = {entry.switches[-1]: entry.switches for entry in own}
            beside = {entry.switches: entry.beside for entry in own}
            kept = [applied[last] for item in chosen if (last := item.by_side()[side][-1]) in applied]
            for size in range(2, len(kept) + 1):
                for group in combinations(kept, size):
                    switches = tuple(dict.fromkeys(switch for part in group for switch in part))
                    other = next((beside[part] for part in group if beside[part]), "")
                    entry = Experiment(arm=name, switches=switches, applied=named(arm, switches), beside=other)
                    proposed.setdefault(entry.applied, entry)
    return list(proposed.values())


def is_joint(entry: Experiment) -> bool:
    """Whether the experiment removes several causes together, besides those held constant."""
    return len({switch.cause for switch in entry.switches if not cause_of(switch.cause).is_confounder}) > 1


def _joinable(found: Iterable[Contribution]) -> list[Contribution]:
    """The contributions that can be removed together: of several levels of a factor, the one with the largest
    effect.
    """
    kept: list[Contribution] = []
    taken: set[tuple[int, str]] = set()
    for item in found:
        factors = {(side, switch.factor) for side, switches in enumerate(item.by_side()) for switch in switches}
        if not factors & taken:
            kept.append(item)
            taken |= factors
    return kept


def explainable(recording: Recording, wanted: Wanted, cause: Cause) -> float:
    """How much the cause could explain, which orders the experiments: the difference times the dissimilarity of both
    sides in the cause (Cause.unlikeness), and OPPOSED of that where the faster side has more of it. Of several phases,
    the most.
    """
    return max((_explainable_in(scene, cause) for scene in _scenes(recording, wanted)), default=0.0)


def _explainable_in(scene: _Scene, cause: Cause) -> float:
    slower, faster = sorted((scene.control, scene.focus), key=lambda arm: -arm.wall_ns)
    difference = math.log(slower.wall_ns / faster.wall_ns) * cause.unlikeness(scene.control, scene.focus)
    return difference * (OPPOSED if cause.costs_more(faster, slower) else 1.0)


def _possible(wanted: Wanted) -> list[tuple[Cause, Switch]]:
    return [
        (cause, switch) for cause in CAUSES.values() for switch in cause.switches if is_known(wanted.possible(switch))
    ]


def _scenes(recording: Recording, wanted: Wanted, given: dict[str, ArmTurns] | None = None) -> list[_Scene]:
    """The arms of each phase by all readings. The widest comparison is fixed when the first experiment joins, so that
    it stays the same while replicates are added.
    """
    turns = turns_of(recording) if given is None else given
    seen = observe(recording, turns)
    asked = [seen[arm.name] for arm in recording.plan.asked() if arm.name in seen]
    if len(asked) < 2 or not wanted.causes:
        return []
    serving = {arm.name for arm in recording.plan.arms if arm.serves}
    joined = min((int(turns[name].replicate.min()) for name in serving if len(turns.get(name, ()))), default=None)

    def time_before(arm: Observed) -> float:
        table = turns[arm.arm.name]
        before = table.wall_ns if joined is None else table.wall_ns[table.replicate < joined]
        return float(before.mean()) if len(before) else arm.wall_ns

    possible = _possible(wanted)
    # One switch takes a confounder away; the first of a cause works in most engines.
    first = {cause.slug: switch for cause, switch in reversed(possible)}
    confounders = tuple(
        switch
        for cause, switch in possible
        if cause.is_confounder and switch == first[cause.slug] and any(map(cause.shows, asked))
    )
    return [
        _Scene(
            asked=together,
            control=together[0],
            focus=min(together[1:], key=time_before),
            wanted=wanted,
            confounders=confounders,
        )
        for together in _in_one_phase(asked, recording.plan)
    ]


def _in_one_phase(asked: list[Observed], plan: Plan) -> list[list[Observed]]:
    """The arms that are compared with one another, their control first; without phases all of them."""
    by_control: dict[str, list[Observed]] = {}
    for arm in asked:
        by_control.setdefault(plan.control_of(arm.arm).name, []).append(arm)
    return [group for group in by_control.values() if len(group) > 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """The requested arms, the two sides of the widest comparison, and the confounders that these show."""

    asked: list[Observed]
    control: Observed
    focus: Observed
    wanted: Wanted
    confounders: tuple[Switch, ...] = field(default=())

    def experiments(self, cause: Cause, switch: Switch) -> list[Experiment]:
        """Experiments on obstacles and suspicions for the widest comparison, and on defects for every arm that shows
        them.
        """
        pair = (self.control, self.focus)
        if not cause.may_divide(*pair):
            return []
        if switch.adds:
            return self._in_the_way(cause, switch)
        if cause.reach is Reach.WIDEST:
            return self._suspected(cause, switch)
        showing = [
            arm
            for arm in self.asked
            if cause.shows(arm) and cause.suits(switch, arm) and self._fits(arm, cause.fitted(switch, arm))
        ]
        rest = [arm for arm in self.asked if arm not in showing and cause.excludes(arm)] if showing else []
        return [
            *(self._on(arm, cause.fitted(switch, arm)) for arm in showing),
            *(_excluded(arm, switch, cause.excludes(arm)) for arm in rest),
        ]

    def _in_the_way(self, cause: Cause, switch: Switch) -> list[Experiment]:
        """On both sides; on one alone where there is nothing in the other that it could be put in the way of."""
        pair = (self.control, self.focus)
        fitting = [arm for arm in pair if cause.suits(switch, arm) and self._fits(arm, switch)]
        exempt = {arm.arm.name: cause.exempt(switch, arm) for arm in pair if arm not in fitting} if fitting else {}
        return [
            *(self._on(arm, switch) for arm in fitting),
            *(_excluded(arm, switch, reason) for arm in pair if (reason := exempt.get(arm.arm.name))),
        ]

    def _suspected(self, cause: Cause, switch: Switch) -> list[Experiment]:
        """Experiments on both sides if one side is suspect, except on a side that cannot have the cause; none if no
        engine of the sides that can applies the switch.
        """
        pair = (self.control, self.focus)
        if not any(map(cause.shows, pair)):
            return []
        found = [
            _excluded(arm, switch, cause.excludes(arm)) if cause.excludes(arm) else self._on(arm, switch)
            for arm in pair
            if cause.excludes(arm) or self._fits(arm, switch)
        ]
        return found if any(not one.excluded for one in found) else []

    def _fits(self, arm: Observed, switch: Switch) -> bool:
        """Whether the arm lacks the level, and its engine can apply it."""
        variant = arm.arm.variant
        return not switch.is_on(variant) and self.wanted.applies(switch, variant)

    def _on(self, arm: Observed, switch: Switch) -> Experiment:
        """The arm with the switch applied and its confounders removed, if they are not yet; see Bench.held."""
        held = (
            other
            for other in self.confounders
            if other != switch and cause_of(other.cause).shows(arm) and not other.is_on(arm.arm.variant)
        )
        switches = (*held, switch)
        other = cause_of(switch.cause).beside(switch)
        beside = named(arm.arm, (*held, other)) if other is not None else ""
        return Experiment(arm=arm.arm.name, switches=switches, applied=named(arm.arm, switches), beside=beside)


def _excluded(arm: Observed, switch: Switch, reason: str) -> Experiment:
    name = arm.arm.name
    return Experiment(arm=name, switches=(switch,), applied=name, excluded=reason)


def _corners(cause: Cause, scene: _Scene) -> list[Experiment]:
    """The other two corners of the cause's factor and the one it is crossed with, to divide a change of both.

    Empty if an engine does not offer one of them.
    """
    one, other = scene.control.arm, scene.focus.arm
    if not cause.crossed or one.factory or other.factory:
        return []
    (factor,) = cause.factors
    if set(one.variant.differing(other.variant)) != {factor, cause.crossed}:
        return []
    turned = [
        (arm, Switch(cause=cause.slug, factor=factor, level=facing.variant.level(factor)))
        for arm, facing in ((one, other), (other, one))
    ]
    if not all(switch.on(arm.variant).is_offered() for arm, switch in turned):
        return []
    return [Experiment(arm=arm.name, switches=(switch,), applied=named(arm, (switch,))) for arm, switch in turned]


def named(arm: Arm, switches: Iterable[Switch]) -> str:
    """The name of an arm with switches applied: the variant's own, or the user's name followed by the levels."""
    if arm.factory is None:
        variant = arm.variant
        for switch in switches:
            variant = switch.on(variant)
        return str(variant)
    return "+".join([arm.name, *map(str, switches)])


def arms_for(plan: Plan, proposed: Iterable[Experiment]) -> tuple[Arm, ...]:
    """The arms that experiments need and the plan lacks."""
    known = {arm.name for arm in plan.arms}
    made: dict[str, Arm] = {}
    for entry in proposed:
        if entry.excluded:
            continue
        arm = plan.arm(entry.arm)
        for name, switches in _needed_arms(entry):
            variant = arm.variant
            for switch in switches:
                variant = switch.on(variant)
            causes = tuple(switch.cause for switch in switches)
            if name not in known:
                made[name] = replace(arm, name=name, variant=variant, serves=causes)
    return tuple(made.values())


def _needed_arms(entry: Experiment) -> list[tuple[str, tuple[Switch, ...]]]:
    """The arms of an experiment with their switches. A joint one stands beside an arm of its parts."""
    found = [(entry.applied, entry.switches)]
    *held, last = entry.switches
    other = cause_of(last.cause).beside(last)
    if entry.beside and other is not None and not is_joint(entry):
        found.append((entry.beside, (*held, other)))
    return found
