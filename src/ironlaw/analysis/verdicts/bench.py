"""The bench: measurements of experiments as means per replicate, which can be added and subtracted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.statistics.paired import are_whole
from ironlaw.analysis.turns import ArmTurns, turns_of
from ironlaw.analysis.verdicts.observation import observe
from ironlaw.causes import cause_of
from ironlaw.estimate import Estimate
from ironlaw.experiment import Experiment, Switch
from ironlaw.explanation import Design
from ironlaw.factor import Direction
from ironlaw.missing import Maybe, Missing
from ironlaw.observed import Observed
from ironlaw.plan import Plan
from ironlaw.recording import Recording

# Half-width, in ln units, of a negligible effect: a cause inside it is refuted.
SMALLEST_EFFECT = 0.015
_FEWEST_FOR_AN_INTERVAL = 4  # replicates


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The plan and, per arm, its readings and ln(wall) averaged over the rounds of each replicate."""

    plan: Plan
    ln_wall: dict[str, dict[int, float]]
    seen: Mapping[str, Observed] = field(default_factory=dict)
    smallest: float = SMALLEST_EFFECT

    def stand_in(self, arm: str, switches: Iterable[Switch]) -> str | None:
        """The arm that ran as `arm` with the switches applied; None if none ran.

        `arm` itself, if it has the levels of those that are not excluded.
        """
        needed = self._needed(arm, switches)
        if not needed:
            return arm
        entry = self._experiment(arm, needed)
        return entry.applied if entry is not None and entry.applied in self.ln_wall else None

    def stand_in_beside(self, arm: str, held: Iterable[Switch], tested: Iterable[Switch]) -> str | None:
        """The arm that `arm` with held and tested switches is compared with: the one with those held, or another that
        the experiment names; None if it did not run.
        """
        needed = self._needed(arm, (*held, *tested))
        entry = self._experiment(arm, needed) if needed else None
        if entry is None or not entry.beside:
            return self.stand_in(arm, held)
        return entry.beside if entry.beside in self.ln_wall else None

    def _needed(self, arm: str, switches: Iterable[Switch]) -> set[Switch]:
        """The switches that an arm neither excludes nor has by itself; those it has as well, if it was tested so."""
        own = [entry for entry in self.plan.experiments if entry.arm == arm]
        excluded = {entry.switches for entry in own if entry.excluded}
        needed = {switch for switch in switches if (switch,) not in excluded}
        if self._experiment(arm, needed) is not None:
            return needed
        return {switch for switch in needed if not switch.is_on(self.plan.arm(arm).variant)}

    def _experiment(self, arm: str, switches: set[Switch]) -> Experiment | None:
        found = (one for one in self.plan.experiments if one.arm == arm and not one.excluded)
        return next((one for one in found if set(one.switches) == switches), None)

    def is_equal_in(self, control: str, changed: str, switch: Switch) -> bool:
        """Whether both arms have the same amount of what the switch removes or acts on."""
        if control not in self.seen or changed not in self.seen:
            return False
        return cause_of(switch.cause).is_equal_in(self.seen[control], self.seen[changed])

    def held(self, control: str, changed: str) -> tuple[Switch, ...]:
        """The switches held constant while the other causes of a comparison were tested.

        A confounder (page faults, which change with anything that changes memory allocation) is removed on both sides
        if an arm shows it.
        """
        for entry in self.plan.experiments:
            if len(entry.switches) > 1 and entry.arm in (control, changed):
                held = tuple(switch for switch in entry.switches if cause_of(switch.cause).is_confounder)
                if held:
                    return held
        return ()

    def series(self, *terms: tuple[float, str]) -> dict[int, float]:
        """A weighted sum of arms' ln(wall), for each replicate in which all of them ran."""
        tables = [self.ln_wall.get(name, {}) for _, name in terms]
        shared = set.intersection(*(set(table) for table in tables)) if tables else set()
        return {
            replicate: sum(weight * table[replicate] for (weight, _), table in zip(terms, tables, strict=True))
            for replicate in sorted(shared)
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """One cause's part of ln(C/X), per replicate, with the arms it was computed from.

    `switches` were applied to the control, `facing` to the changed arm: the same ones if both engines take them.
    `in_time` is its part of C - X divided by the geometric mean of both. A cost that is equal in both arms does not
    change C - X, but changes ln(C/X), since it is a smaller part of the longer time; a cause of the difference changes
    both. Empty if the part is a whole comparison, whose sign is the same on both scales.
    """

    cause: str
    switches: tuple[Switch, ...]
    control: str
    changed: str
    parts: dict[int, float]
    sign: int  # of the part, as predicted
    in_time: dict[int, float] = field(default_factory=dict)
    note: str = ""
    design: Design = Design.PAIR
    others: tuple[str, str] | None = None
    arms: tuple[str, ...] = ()  # all that it was read from
    facing: tuple[Switch, ...] | None = None  # None: the same as on the control

    @property
    def key(self) -> Key:
        """A key that distinguishes it from other experiments on its comparison, since several switches can test one
        cause.
        """
        return self.cause, *(" and ".join(map(str, side)) for side in self.by_side())

    def by_side(self) -> tuple[tuple[Switch, ...], tuple[Switch, ...]]:
        """The switches on the control and on the changed arm."""
        return self.switches, self.switches if self.facing is None else self.facing


# Cause, switches of the control, switches of the changed arm.
Key = tuple[str, ...]


def bench(recording: Recording, turns: dict[str, ArmTurns] | None = None) -> Bench:
    """Build the bench of a recording from the rounds that all arms of a replicate ran."""
    tables = turns_of(recording) if turns is None else turns
    ln_wall = {name: _by_replicate(table) for name, table in tables.items() if len(table)}
    return Bench(plan=recording.plan, ln_wall=ln_wall, seen=observe(recording, tables))


def _by_replicate(table: ArmTurns) -> dict[int, float]:
    """Means over turns by replicate. Replicates cut before half of their turns are left out, as in comparisons."""
    ln = np.log(table.wall_ns)
    numbers, turns = np.unique(table.replicate, return_counts=True)
    full = numbers[are_whole(turns)]
    return {int(number): float(ln[table.replicate == number].mean()) for number in full}


def contributions(on: Bench, control: str, changed: str) -> Iterable[Contribution]:
    """The contributions of causes that were removed on both sides of the comparison, or on one if the other excludes
    the cause.

    A factor in which the two arms differ is not included: the comparison itself is its experiment.
    """
    differing = on.plan.arm(control).variant.differing(on.plan.arm(changed).variant)
    confounders = on.held(control, changed)
    for pair in _paired(on, control, changed):
        if any(switch.factor in differing for switch in pair):
            continue
        held = tuple(other for other in confounders if other not in pair)
        sides = zip((control, changed), pair, strict=True)
        before = tuple(on.stand_in_beside(arm, held, (switch,)) for arm, switch in sides)
        after = tuple(on.stand_in(arm, (*held, switch)) for arm, switch in zip((control, changed), pair, strict=True))
        if None in before or None in after or before == after:
            continue  # one side says nothing about a difference
        yield _contribution(on, pair, (control, changed), (_both(before), _both(after)))


def _paired(on: Bench, control: str, changed: str) -> Iterable[tuple[Switch, Switch]]:
    """The pairs of switches to compare: the same on both sides, or two of one cause if the engines have different
    ones.
    """
    own = [entry for entry in on.plan.experiments if entry.arm in (control, changed)]
    sides = (control, changed)
    tried = {arm: {switch for entry in own if entry.arm == arm for switch in entry.switches} for arm in sides}
    alone: dict[str, list[Switch]] = {control: [], changed: []}
    for switch in dict.fromkeys(switch for entry in own for switch in entry.switches):
        if switch in tried[control] & tried[changed]:
            yield switch, switch
        else:
            alone[control if switch in tried[control] else changed].append(switch)
    for switch in alone[control]:
        partner = next((other for other in alone[changed] if _kind(other) == _kind(switch)), None)
        if partner is not None:
            alone[changed].remove(partner)
            yield switch, partner


def _kind(switch: Switch) -> tuple[str, bool, Direction]:
    return switch.cause, switch.adds, switch.predicts


def _both(arms: tuple[str | None, ...]) -> tuple[str, str]:
    control, changed = arms
    assert control is not None
    assert changed is not None
    return control, changed


def _contribution(
    on: Bench, pair: tuple[Switch, Switch], asked: tuple[str, str], arms: tuple[tuple[str, str], tuple[str, str]]
) -> Contribution:
    before, after = arms
    switch, facing = pair
    tried = dict(zip(asked, pair, strict=True))
    # Plans are made again after each replicate: the last reason is the one for which most was known.
    excluded = {
        entry.arm: f"{entry.arm} was not switched: {entry.excluded}"
        for entry in on.plan.experiments
        if entry.excluded and entry.arm in asked and entry.switches == (tried[entry.arm],)
    }
    sides = [side for side in (0, 1) if before[side] != after[side]]
    where = [f"in {asked[side]} {named}" for side in sides if (named := _nodes(on, switch, asked[side]))]
    return Contribution(
        cause=switch.cause,
        switches=(switch,),
        facing=(facing,) if facing != switch else None,
        control=before[sides[0]],
        changed=after[sides[0]],
        parts=on.series((1.0, before[0]), (-1.0, before[1]), (-1.0, after[0]), (1.0, after[1])),
        sign=_predicted(on, switch, before, after),
        in_time=_in_time(on, before, after),
        note="; ".join([*where, *excluded.values()]),
        design=Design.BOTH_SIDES if len(sides) > 1 else Design.PAIR,
        others=(before[1], after[1]) if len(sides) > 1 else None,
        arms=(*before, *after),
    )


def _nodes(on: Bench, switch: Switch, arm: str) -> str:
    return cause_of(switch.cause).nodes(on.seen[arm]).strip() if arm in on.seen else ""


def _predicted(on: Bench, switch: Switch, arms: tuple[str, str], applied: tuple[str, str]) -> int:
    """The sign that the cause predicts for its part of ln(C/X).

    For a switch that removes something: the arm on which it has more effect has the cause, and changes as predicted.
    For a switch that adds an obstacle: the faster arm loses more than the slower one.
    """
    if switch.adds:
        return -1 if mean_of(on.series((1.0, arms[0]), (-1.0, arms[1]))) < 0 else 1
    gains = [
        mean_of(on.series((1.0, arm), (-1.0, with_it))) if arm != with_it else 0.0
        for arm, with_it in zip(arms, applied, strict=True)
    ]
    side = 1 if abs(gains[0]) >= abs(gains[1]) else -1
    return -side if switch.slows() else side


def _in_time(on: Bench, arms: tuple[str, str], applied: tuple[str, str]) -> dict[int, float]:
    """Per replicate, (C - X) - (C' - X') over the geometric mean of C and X."""
    tables = [on.ln_wall.get(name, {}) for name in (*arms, *applied)]
    parts = {}
    for replicate in sorted(set.intersection(*map(set, tables))):
        lns = [table[replicate] for table in tables]
        usual = (lns[0] + lns[1]) / 2
        control, changed, control_applied, changed_applied = (math.exp(ln - usual) for ln in lns)
        parts[replicate] = (control - changed) - (control_applied - changed_applied)
    return parts


def mean_of(parts: dict[int, float]) -> float:
    """The mean over replicates; 0 if nothing ran."""
    return float(np.mean(list(parts.values()))) if parts else 0.0


def provisional(recording: Recording) -> list[tuple[str, str, list[Contribution]]]:
    """The contributions that look real so far, by comparison (widest first) and size (largest first), to choose which
    causes to remove together.
    """
    on = bench(recording)
    found = []
    for control, arm in ((one.name, other) for one, other in recording.plan.pairs()):
        sized = []
        for item in contributions(on, control, arm.name):
            scales = [[item.sign * part for part in scale.values()] for scale in (item.parts, item.in_time) if scale]
            signed = [part for scale in scales for part in scale]
            is_large = mean_of(item.parts) ** 2 > on.smallest**2
            if cause_of(item.cause).is_confounder or (cause_of(item.cause).if_slower_loses and slower_loses(on, item)):
                continue
            if scales and all(map(_is_positive, scales)) and is_large:
                sized.append((sum(signed) / len(signed), item))
        width = abs(mean_of(on.series((1.0, control), (-1.0, arm.name))))
        ranked = sorted(sized, key=lambda pair: (-pair[0], pair[1].key))
        found.append((width, (control, arm.name, [item for _, item in ranked])))
    return [entry for _, entry in sorted(found, key=lambda pair: -pair[0])]


def _is_positive(parts: list[float]) -> bool:
    """Whether parts of replicates agree: with a few, no interval means anything; that all have the sign has to do."""
    if len(parts) < _FEWEST_FOR_AN_INTERVAL:
        return min(parts) > 0
    estimate = t_interval(parts)
    return isinstance(estimate, Estimate) and estimate.low > 0


def slower_loses(on: Bench, item: Contribution) -> bool:
    """Whether the slower arm, which should lack the cause, also loses by the switch."""
    sides = [(item.control, item.changed), *([item.others] if item.others else [])]
    without, applied = max(sides, key=lambda side: mean_of(on.series((1.0, side[0]))))
    loss = t_interval(list(on.series((1.0, applied), (-1.0, without)).values()))
    return isinstance(loss, Estimate) and loss.low > on.smallest


def cost_of_fault(on: Bench, arm: str, cause: str) -> Maybe[Estimate]:
    """The factor that a cause costs an arm, if the arm also ran without it."""
    for entry in on.plan.experiments:
        if entry.arm == arm and not entry.excluded and entry.switches[-1].cause == cause:
            without = on.stand_in(arm, entry.switches[:-1])
            terms = [] if without is None else [(1.0, without), (-1.0, entry.applied)]
            cost = t_interval(list(on.series(*terms).values()))
            if not isinstance(cost, Missing):
                return cost.through(math.exp)
    return Missing("no experiment took it away")
