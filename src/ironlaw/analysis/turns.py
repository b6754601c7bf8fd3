"""The readings of a recording as columns, one table per arm; everything per inference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ironlaw.event import MOST_CYCLES_PER_NS, MOST_INSTRUCTIONS_PER_CYCLE, Count
from ironlaw.fact import Reading
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.recording import Recording

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

NEVER_READ = Missing("no turn read it")


@dataclass(frozen=True, slots=True)
class PerInference:
    """One quantity per inference in the turns that read it; `turn` holds indices into the arm's turns."""

    turn: Ints
    value: Floats

    def within(self, turns: Flags) -> PerInference:
        """The column restricted to the marked turns."""
        kept = turns[self.turn]
        return PerInference(self.turn[kept], self.value[kept])


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTurns:
    """The turns of one arm; arrays have one entry per turn, times in ns per inference.

    `columns` holds the quantities that only some turns read, by name: events as printed (instructions:u) and user_ns,
    kernel_ns, migrations, steal_ns, throttled_ns, waited_ns. `absent` gives the reason why a quantity has no column.
    `impossible` counts the turns left out because their wall time or number of inferences was not above zero.
    """

    arm: str
    replicate: Ints
    round: Ints
    position: Ints
    inferences: Ints
    wall_ns: Floats
    cpu_ns: Floats
    columns: dict[str, PerInference]
    absent: dict[str, Missing] = field(default_factory=dict)
    impossible: int = 0
    otherwise: Missing = NEVER_READ  # why a quantity is absent that `absent` does not name

    def __len__(self) -> int:
        return len(self.replicate)

    def column(self, name: str) -> Maybe[PerInference]:
        """The quantity of that name, or why no turn has it."""
        if name in self.columns:
            return self.columns[name]
        return self.absent.get(name, self.otherwise)

    def mean(self, name: str) -> Maybe[float]:
        """The mean per inference over the turns that read the quantity."""
        column = self.column(name)
        return column if isinstance(column, Missing) else float(column.value.mean())


def turns_of(recording: Recording) -> dict[str, ArmTurns]:
    """The turns of every arm that has any, in order of each arm's first turn."""
    lost: dict[str, Missing] = {}
    otherwise = NEVER_READ
    if is_known(recording.counters):
        lost = {event: recording.counters.gap(event) for event in recording.counters.lost}
        if isinstance(recording.counters.slots, Missing):
            otherwise = recording.counters.slots
    tables = {arm: _table(arm, readings) for arm, readings in _by_arm(recording).items()}
    return {arm: replace(table, absent={**table.absent, **lost}, otherwise=otherwise) for arm, table in tables.items()}


def times_of(recording: Recording) -> dict[str, ArmTurns]:
    """The same turns with times only; much faster."""
    return {arm: _table(arm, readings, times_only=True) for arm, readings in _by_arm(recording).items()}


def _by_arm(recording: Recording) -> dict[str, list[Reading]]:
    of_arm: dict[str, list[Reading]] = {}
    for reading in recording.readings:
        of_arm.setdefault(reading.arm, []).append(reading)
    return of_arm


# Events that bound each other, by name: a recording can hold 100,000 readings.
_BOUNDED = tuple((f"cycles{suffix}", f"instructions{suffix}") for suffix in ("", ":u", ":k"))


def _out_of_bounds(counts: Iterable[Count], cpu_ns: int) -> Missing | None:
    """Why the counts of a turn are not credible: they break physical bounds. Empty if they do not."""
    raw = {count.event: count.raw for count in counts}
    for cycles_of, instructions_of in _BOUNDED:
        cycles = raw.get(cycles_of)
        if cycles is None:
            continue
        if cpu_ns > 0 and cycles > MOST_CYCLES_PER_NS * cpu_ns:
            return Missing(f"{cycles_of} read {cycles} in {cpu_ns} ns of CPU time: more than any clock gives")
        instructions = raw.get(instructions_of)
        if instructions is not None and instructions > MOST_INSTRUCTIONS_PER_CYCLE * cycles:
            return Missing(f"{instructions_of} read {instructions} in {cycles} cycles: more than any CPU retires")
    return None


CLOCK_CYCLES = "clock-cycles"  # from a chain of instructions of known latency, not from a PMU
CLOCK_CHANGE = "clock-change"  # how many more or fewer they would be at the clock after the turn than at that before it


def _clock_cycles(reading: Reading) -> Maybe[int]:
    """The CPU time in cycles, at the mean of the clock frequencies before and after the turn."""
    before, after = reading.clock_before_mhz, reading.clock_after_mhz
    if isinstance(before, Missing):
        return before
    return after if isinstance(after, Missing) else reading.cpu_ns * (before + after) // 2000


def _clock_change(reading: Reading) -> Maybe[int]:
    before, after = reading.clock_before_mhz, reading.clock_after_mhz
    if isinstance(before, Missing):
        return before
    return after if isinstance(after, Missing) else reading.cpu_ns * abs(before - after) // 1000


# What every reading has, or says why not; by name, since a recording can hold 100,000 readings.
_QUANTITIES: dict[str, Callable[[Reading], Maybe[int]]] = {
    "user_ns": attrgetter("user_ns"),
    "kernel_ns": attrgetter("kernel_ns"),
    "page-faults": lambda reading: reading.minor_faults + reading.major_faults,
    "context-switches": attrgetter("context_switches"),
    "cpu-migrations": attrgetter("migrations"),
    "steal_ns": attrgetter("steal_ns"),
    "throttled_ns": attrgetter("throttled_ns"),
    "waited_ns": attrgetter("waited_ns"),
    "compilations": attrgetter("compilations"),
    CLOCK_CYCLES: _clock_cycles,
    CLOCK_CHANGE: _clock_change,
}


def _table(arm: str, given: list[Reading], *, times_only: bool = False) -> ArmTurns:
    readings = [reading for reading in given if reading.wall_ns > 0 and reading.inferences > 0]
    whole = np.array(
        [(one.replicate, one.round, one.position, one.inferences, one.wall_ns, one.cpu_ns) for one in readings],
        dtype=np.int64,
    ).reshape(-1, 6)
    inferences = whole[:, 3]
    columns: dict[str, PerInference] = {}
    absent: dict[str, Missing] = {}
    everywhere = range(len(readings))
    gathered: dict[str, Amounts] = {}
    if not times_only:
        gathered = {name: (everywhere, list(map(amount, readings))) for name, amount in _QUANTITIES.items()}
        gathered |= _counted(readings)
    for name, amounts in gathered.items():
        _add_column(name, amounts, inferences, columns, absent)
    return ArmTurns(
        arm=arm,
        replicate=whole[:, 0],
        round=whole[:, 1],
        position=whole[:, 2],
        inferences=inferences,
        wall_ns=whole[:, 4] / inferences,
        cpu_ns=whole[:, 5] / inferences,
        columns=columns,
        absent=absent,
        impossible=len(given) - len(readings),
    )


Amounts: TypeAlias = tuple[Sequence[int], list[Maybe[int]]]  # turns, and what each read


def _counted(readings: list[Reading]) -> dict[str, Amounts]:
    """The turns that counted each event, and their counts; Missing for turns whose counts are not credible."""
    found: dict[str, tuple[list[int], list[Maybe[int]]]] = {}
    for turn, reading in enumerate(readings):
        broken = _out_of_bounds(reading.counts, reading.cpu_ns) if reading.counts else None
        for count in reading.counts:
            turns, values = found.setdefault(count.event, ([], []))
            turns.append(turn)
            values.append(broken or count.value)
    return dict(found.items())


def _add_column(
    name: str, amounts: Amounts, inferences: Ints, columns: dict[str, PerInference], absent: dict[str, Missing]
) -> None:
    """Add a column of the known amounts per inference, or the reason of the first gap."""
    turns, values = amounts
    gaps = [value for value in values if isinstance(value, Missing)]
    if gaps:
        absent[name] = gaps[0]
        kept = [place for place, value in enumerate(values) if not isinstance(value, Missing)]
        turns, values = [turns[place] for place in kept], [values[place] for place in kept]
    if values:
        turn = np.array(turns, dtype=np.int64)
        columns[name] = PerInference(turn, np.array(values, dtype=np.float64) / inferences[turn])
