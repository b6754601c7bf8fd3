"""The bench: what experiments measured, as per-replicate means that can be added and subtracted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ironlaw.estimate import Estimate
from ironlaw.experiment import Switch
from ironlaw.explain.interval import t_interval
from ironlaw.explain.paired import LEAST_SHARE_OF_ROUNDS
from ironlaw.explain.turns import ArmTurns, turns_of
from ironlaw.explanation import Design
from ironlaw.plan import Plan
from ironlaw.recording import Recording

# Half-width, in ln units, of what would not matter to anyone: a cause inside it is refuted.
SMALLEST_EFFECT = 0.015


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The plan and, per arm, ln(wall) averaged over the rounds of each replicate."""

    plan: Plan
    ln_wall: dict[str, dict[int, float]]
    smallest: float = SMALLEST_EFFECT
    tests: int = 1  # how many experiments are judged together

    def stand_in(self, arm: str, switches: Iterable[Switch]) -> str | None:
        """The arm that ran as `arm` with the switches thrown; itself where it was spared all; None where none ran."""
        needed = []
        for switch in switches:
            entries = [entry for entry in self.plan.experiments if entry.arm == arm and entry.switches == (switch,)]
            if not entries:
                return None
            if not entries[0].spared:
                needed.append(switch)
        if not needed:
            return arm
        for entry in self.plan.experiments:
            if entry.arm == arm and set(entry.switches) == set(needed):
                return entry.thrown if entry.thrown in self.ln_wall else None
        return None

    def series(self, *terms: tuple[float, str]) -> dict[int, float]:
        """A weighted sum of arms' ln(wall), per replicate in which all of them ran."""
        tables = [self.ln_wall.get(name, {}) for _, name in terms]
        shared = set.intersection(*(set(table) for table in tables)) if tables else set()
        return {
            replicate: sum(weight * table[replicate] for (weight, _), table in zip(terms, tables, strict=True))
            for replicate in sorted(shared)
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """One cause's part of ln(C/X), per replicate, with the arms it was read from."""

    cause: str
    switches: tuple[Switch, ...]
    control: str
    changed: str
    parts: dict[int, float]
    sign: int  # of the part, as predicted
    note: str = ""
    design: Design = Design.PAIR
    others: tuple[str, str] | None = None


def bench(recording: Recording, turns: dict[str, ArmTurns] | None = None) -> Bench:
    """The arms of a recording, ready for verdicts: only rounds that all arms of a replicate ran."""
    tables = turns_of(recording) if turns is None else turns
    ln_wall = {name: _by_replicate(table) for name, table in tables.items()}
    switches = {switch for entry in recording.plan.experiments for switch in entry.switches}
    comparisons = max(1, len(recording.plan.asked()) - 1)
    return Bench(plan=recording.plan, ln_wall=ln_wall, tests=max(1, len(switches) * comparisons))


def _by_replicate(table: ArmTurns) -> dict[int, float]:
    """Means over turns; a replicate that was cut before half of its turns is left out, as in comparisons."""
    ln = np.log(table.wall_ns)
    numbers, turns = np.unique(table.replicate, return_counts=True)
    full = numbers[turns >= LEAST_SHARE_OF_ROUNDS * turns.max()]
    return {int(number): float(ln[table.replicate == number].mean()) for number in full}


def contributions(on: Bench, control: str, changed: str) -> Iterable[Contribution]:
    """Every switch that was thrown on both sides of the comparison, or on one while the other was spared."""
    single = [entry for entry in on.plan.experiments if len(entry.switches) == 1]
    switches = dict.fromkeys(entry.switches[0] for entry in single if entry.arm in (control, changed))
    for switch in switches:
        ins = on.stand_in(control, [switch]), on.stand_in(changed, [switch])
        if ins[0] is None or ins[1] is None or ins == (control, changed):
            continue  # one side says nothing about a difference
        spared = [
            f"{entry.arm} was spared: {entry.spared}"
            for entry in single
            if entry.spared and entry.switches[0] == switch and entry.arm in (control, changed)
        ]
        both = ins[0] != control and ins[1] != changed
        yield Contribution(
            cause=switch.cause,
            switches=(switch,),
            control=control if ins[0] != control else changed,
            changed=ins[0] if ins[0] != control else ins[1],
            parts=on.series((1.0, control), (-1.0, changed), (-1.0, ins[0]), (1.0, ins[1])),
            sign=_predicted(on, switch, (control, changed), (ins[0], ins[1])),
            note="; ".join(spared),
            design=Design.BOTH_SIDES if both else Design.PAIR,
            others=(changed, ins[1]) if both else None,
        )


def _predicted(on: Bench, switch: Switch, arms: tuple[str, str], thrown: tuple[str, str]) -> int:
    """The sign that the cause gives to its part: of the difference for what is added, else of the slowed arm."""
    if switch.adds:
        return -1 if mean_of(on.series((1.0, arms[0]), (-1.0, arms[1]))) < 0 else 1
    gains = [
        mean_of(on.series((1.0, arm), (-1.0, with_it))) if arm != with_it else 0.0
        for arm, with_it in zip(arms, thrown, strict=True)
    ]
    return 1 if gains[0] >= gains[1] else -1


def mean_of(parts: dict[int, float]) -> float:
    """The mean over replicates; 0 where nothing ran."""
    return float(np.mean(list(parts.values()))) if parts else 0.0


def provisional(recording: Recording) -> list[tuple[str, str, list[str]]]:
    """Per comparison, widest first, the causes that look real so far, largest first: which to throw together?"""
    on = bench(recording)
    control = recording.plan.control.name
    found = []
    for arm in recording.plan.asked()[1:]:
        sized = []
        for item in contributions(on, control, arm.name):
            effect = t_interval([item.sign * part for part in item.parts.values()])
            if isinstance(effect, Estimate) and effect.low > 0 and effect.value > on.smallest:
                sized.append((effect.value, item.cause))
        width = abs(mean_of(on.series((1.0, control), (-1.0, arm.name))))
        found.append((width, (control, arm.name, [cause for _, cause in sorted(sized, reverse=True)])))
    return [entry for _, entry in sorted(found, key=lambda pair: -pair[0])]
