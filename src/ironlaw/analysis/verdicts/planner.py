"""Which experiments to run, decided from the first readings: pure, so that a recording shows why each was chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import combinations

from ironlaw.analysis.turns import turns_of
from ironlaw.analysis.verdicts.bench import Contribution, provisional
from ironlaw.analysis.verdicts.observation import observe
from ironlaw.arm import Arm
from ironlaw.cause import Cause, Reach
from ironlaw.causes import CAUSES, TESTED, cause_of
from ironlaw.errors import BadInput, offer_closest
from ironlaw.experiment import Experiment, Switch
from ironlaw.missing import Maybe, is_known
from ironlaw.observed import Observed
from ironlaw.recording import Recording
from ironlaw.variant import Variant

# Replicates after which joint arms are chosen: enough to see which causes are large, early enough to measure them.
JOINT_AFTER = 4
# Two causes taken away together need one arm a side; three need four, and what they cost in replicates decides less.
MOST_JOINT = 2


def applies(switch: Switch, variant: Variant) -> bool:
    """Whether the variant's engine can apply the switch to an arm that it has loaded."""
    return variant.takes(switch.factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which experiments may run: the causes asked for, the switches that work on this machine, and in which arms."""

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
            raise BadInput(f"there is no experiment for {slug!r}", hint=offer_closest(slug, list(TESTED)))
    return chosen


def propose(recording: Recording, wanted: Wanted) -> tuple[tuple[Arm, ...], tuple[Experiment, ...]]:
    """Arms to add, and what each stands for; nothing when all that is called for has been proposed."""
    planned = recording.plan.experiments
    replicates = {reading.replicate for reading in recording.readings}
    if not planned:
        proposed = _first(recording, wanted)
    elif len(replicates) == JOINT_AFTER:
        proposed = [entry for entry in _joint(recording) if entry not in planned]
    else:
        proposed = []
    return _new_arms(recording, proposed), tuple(proposed)


def _first(recording: Recording, wanted: Wanted) -> list[Experiment]:
    seen = observe(recording, turns_of(recording))
    asked = [seen[arm.name] for arm in recording.plan.asked() if arm.name in seen]
    if len(asked) < 2 or not wanted.causes:
        return []
    focus = min(asked[1:], key=lambda arm: arm.wall_ns)
    possible = [
        (cause, switch) for cause in CAUSES.values() for switch in cause.switches if is_known(wanted.possible(switch))
    ]
    # One switch takes a confounder away; the first of a cause works in most engines.
    first = {cause.slug: switch for cause, switch in reversed(possible)}
    confounders = tuple(
        switch
        for cause, switch in possible
        if cause.is_confounder and switch == first[cause.slug] and any(map(cause.shows, asked))
    )
    scene = _Scene(asked=asked, control=asked[0], focus=focus, wanted=wanted, confounders=confounders)
    proposed: list[Experiment] = []
    for cause, switch in possible:
        if cause.slug in wanted.causes or switch in confounders:
            for sized in cause.sized(switch, scene.control, recording.machine):
                if is_known(wanted.possible(sized)):
                    proposed += scene.experiments(cause, sized)
    for cause in CAUSES.values():
        if cause.slug in wanted.causes:
            proposed += _corners(cause, scene)
    return proposed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """The arms asked for, the two sides of the widest comparison among them, and the confounders that they show."""

    asked: list[Observed]
    control: Observed
    focus: Observed
    wanted: Wanted
    confounders: tuple[Switch, ...] = field(default=())

    def experiments(self, cause: Cause, switch: Switch) -> list[Experiment]:
        """What is put in the way, and suspicions: on the widest comparison. Defects: on every arm that shows them."""
        pair = (self.control, self.focus)
        if not cause.may_divide(*pair):
            return []
        if switch.adds:
            return [self._on(arm, switch) for arm in pair if self._fits(arm, switch)]
        if cause.reach is Reach.WIDEST:
            return self._suspected(cause, switch)
        showing = [
            arm for arm in self.asked if cause.shows(arm) and cause.suits(switch, arm) and self._fits(arm, switch)
        ]
        rest = [arm for arm in self.asked if arm not in showing and cause.excludes(arm)] if showing else []
        return [*(self._on(arm, switch) for arm in showing), *(_excluded(arm, cause, switch) for arm in rest)]

    def _suspected(self, cause: Cause, switch: Switch) -> list[Experiment]:
        """As soon as one side is suspect, on both, save one that cannot have the cause."""
        pair = (self.control, self.focus)
        if not any(map(cause.shows, pair)):
            return []
        return [
            _excluded(arm, cause, switch) if cause.excludes(arm) else self._on(arm, switch)
            for arm in pair
            if cause.excludes(arm) or self._fits(arm, switch)
        ]

    def _fits(self, arm: Observed, switch: Switch) -> bool:
        """Whether the arm does not have the level already, and its engine can apply it."""
        variant = arm.arm.variant
        return variant.level(switch.factor) != switch.level and self.wanted.applies(switch, variant)

    def _on(self, arm: Observed, switch: Switch) -> Experiment:
        """The arm with the switch, and with the confounders that it shows taken away: see Bench.held."""
        held = (other for other in self.confounders if other != switch and cause_of(other.cause).shows(arm))
        switches = (*held, switch)
        return Experiment(arm=arm.arm.name, switches=switches, applied=named(arm.arm, switches))


def _excluded(arm: Observed, cause: Cause, switch: Switch) -> Experiment:
    name = arm.arm.name
    return Experiment(arm=name, switches=(switch,), applied=name, excluded=cause.excludes(arm))


def _corners(cause: Cause, scene: _Scene) -> list[Experiment]:
    """The other two corners of the cause's factor and the one it is crossed with, to share out a change of both.

    None where an engine does not offer one of them.
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


def _joint(recording: Recording) -> list[Experiment]:
    """For the widest comparison, the largest of several causes taken away together: do they overlap?"""
    proposed: dict[str, Experiment] = {}
    for control, changed, found in provisional(recording)[:1]:
        chosen = _joinable(found)[:MOST_JOINT]
        for side, name in enumerate((control, changed)):
            own = [entry for entry in recording.plan.experiments if entry.arm == name and not entry.excluded]
            arm = recording.plan.arm(name)
            applied = {entry.switches[-1]: entry.switches for entry in own}
            kept = [applied[last] for item in chosen if (last := item.by_side()[side][-1]) in applied]
            for size in range(2, len(kept) + 1):
                for group in combinations(kept, size):
                    switches = tuple(dict.fromkeys(switch for part in group for switch in part))
                    entry = Experiment(arm=name, switches=switches, applied=named(arm, switches))
                    proposed.setdefault(entry.applied, entry)
    return list(proposed.values())


def _joinable(found: Iterable[Contribution]) -> list[Contribution]:
    """Those that can be applied to one arm: of several levels of a factor, the one whose effect is largest."""
    kept: list[Contribution] = []
    taken: set[tuple[int, str]] = set()
    for item in found:
        factors = {(side, switch.factor) for side, switches in enumerate(item.by_side()) for switch in switches}
        if not factors & taken:
            kept.append(item)
            taken |= factors
    return kept


def named(arm: Arm, switches: Iterable[Switch]) -> str:
    """The name of an arm with switches applied: the variant's own, or the user's name with the levels behind it."""
    if arm.factory is None:
        variant = arm.variant
        for switch in switches:
            variant = switch.on(variant)
        return str(variant)
    return "+".join([arm.name, *map(str, switches)])


def _new_arms(recording: Recording, proposed: list[Experiment]) -> tuple[Arm, ...]:
    known = {arm.name for arm in recording.plan.arms}
    made: dict[str, Arm] = {}
    for entry in proposed:
        if entry.excluded or entry.applied in known:
            continue
        arm = recording.plan.arm(entry.arm)
        variant = arm.variant
        for switch in entry.switches:
            variant = switch.on(variant)
        causes = tuple(switch.cause for switch in entry.switches)
        made[entry.applied] = replace(arm, name=entry.applied, variant=variant, serves=causes)
    return tuple(made.values())
