"""The readings of a recording as columns, one table per arm; everything per inference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ironlaw.event import Count
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.recording import Reading, Recording

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

NEVER_READ = Missing("no turn read it")
MOST_INSTRUCTIONS_PER_CYCLE = 20  # no CPU retires as many; a count beyond it is a broken counter
MOST_CYCLES_PER_NS = 12  # the fastest CPU clock ever shown ran at 9.1 GHz


@dataclass(frozen=True, slots=True)
class Column:
    """One quantity, per inference, in the turns that read it; `turn` are indices into the arm's turns."""

    turn: Ints
    value: Floats

    def within(self, turns: Flags) -> Column:
        """The column in the turns marked."""
        kept = turns[self.turn]
        return Column(self.turn[kept], self.value[kept])


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTurns:
    """The turns of one arm; arrays have one entry per turn, times in ns per inference.

    `columns` holds what only some turns read, by name: events as printed (instructions:u) and user_ns,
    kernel_ns, migrations, steal_ns. `absent` says why a quantity has no column. `impossible` counts the turns
    left out because their wall time or number of inferences was not above zero.
    """

    arm: str
    replicate: Ints
    round: Ints
    position: Ints
    inferences: Ints
    wall_ns: Floats
    cpu_ns: Floats
    columns: dict[str, Column]
    absent: dict[str, Missing] = field(default_factory=dict)
    impossible: int = 0
    otherwise: Missing = NEVER_READ  # why a quantity is absent that `absent` does not name

    def __len__(self) -> int:
        return len(self.replicate)

    def column(self, name: str) -> Maybe[Column]:
        """The quantity of that name, or why no turn has it."""
        if name in self.columns:
            return self.columns[name]
        return self.absent.get(name, self.otherwise)

    def mean(self, name: str) -> Maybe[float]:
        """The mean per inference over the turns that read the quantity."""
        column = self.column(name)
        return column if isinstance(column, Missing) else float(column.value.mean())


@dataclass(slots=True)
class _Rows:
    """What is gathered for one arm while walking over the readings."""

    whole: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    turn: dict[str, list[int]] = field(default_factory=dict)
    value: dict[str, list[float]] = field(default_factory=dict)
    absent: dict[str, Missing] = field(default_factory=dict)
    impossible: int = 0

    def note(self, name: str, amount: Maybe[int]) -> None:
        """Keep an amount of the turn added last, or the reason why it is not there."""
        if isinstance(amount, Missing):
            self.absent.setdefault(name, amount)
            return
        if name not in self.turn:
            self.turn[name] = []
            self.value[name] = []
        self.turn[name].append(len(self.whole) - 1)
        self.value[name].append(amount)


def turns_of(recording: Recording) -> dict[str, ArmTurns]:
    """The turns of every arm that took any, in the order in which arms first did."""
    rows: dict[str, _Rows] = {}
    for reading in recording.readings:
        gathered = rows.get(reading.arm)
        if gathered is None:
            gathered = rows[reading.arm] = _Rows()
        _gather(gathered, reading)
    lost: dict[str, Missing] = {}
    otherwise = NEVER_READ
    if is_known(recording.counters):
        lost = {event: Missing(reason) for event, reason in recording.counters.lost.items()}
        if isinstance(recording.counters.slots, Missing):
            otherwise = recording.counters.slots
    tables = {arm: _table(arm, gathered) for arm, gathered in rows.items()}
    return {arm: replace(table, absent={**table.absent, **lost}, otherwise=otherwise) for arm, table in tables.items()}


def times_of(recording: Recording) -> dict[str, ArmTurns]:
    """The same turns with their times only, in a quarter of the time."""
    rows: dict[str, _Rows] = {}
    for reading in recording.readings:
        gathered = rows.get(reading.arm)
        if gathered is None:
            gathered = rows[reading.arm] = _Rows()
        _gather_times(gathered, reading)
    return {arm: _table(arm, gathered) for arm, gathered in rows.items()}


def _gather(rows: _Rows, reading: Reading) -> None:
    if not _gather_times(rows, reading):
        return
    rows.note("user_ns", reading.user_ns)
    rows.note("kernel_ns", reading.kernel_ns)
    rows.note("page-faults", reading.minor_faults + reading.major_faults)
    rows.note("context-switches", reading.context_switches)
    rows.note("cpu-migrations", reading.migrations)
    rows.note("steal_ns", reading.steal_ns)
    broken = _out_of_bounds(reading.counts, reading.cpu_ns)
    for count in reading.counts:
        rows.note(count.event, broken or count.value)


def _gather_times(rows: _Rows, reading: Reading) -> bool:
    """Keep a turn's times; False for one that cannot have happened."""
    if reading.wall_ns <= 0 or reading.inferences <= 0:
        rows.impossible += 1
        return False
    rows.whole.append(
        (
            reading.replicate,
            reading.round,
            reading.position,
            reading.inferences,
            reading.wall_ns,
            reading.cpu_ns,
        )
    )
    return True


def _out_of_bounds(counts: Iterable[Count], cpu_ns: int) -> Missing | None:
    """Why the counts of a turn cannot be believed, where they break physical bounds."""
    raw = {count.event: count.raw for count in counts}
    for suffix in ("", ":u", ":k"):
        instructions, cycles = raw.get(f"instructions{suffix}"), raw.get(f"cycles{suffix}")
        if cycles is None:
            continue
        if cpu_ns > 0 and cycles > MOST_CYCLES_PER_NS * cpu_ns:
            return Missing(f"cycles{suffix} read {cycles} in {cpu_ns} ns of CPU time: more than any clock gives")
        if instructions is not None and instructions > MOST_INSTRUCTIONS_PER_CYCLE * cycles:
            return Missing(f"instructions{suffix} read {instructions} in {cycles} cycles: more than any CPU retires")
    return None


def _table(arm: str, rows: _Rows) -> ArmTurns:
    whole = np.array(rows.whole, dtype=np.int64).reshape(-1, 6)
    inferences = whole[:, 3]
    columns = {}
    for name, turns in rows.turn.items():
        turn = np.array(turns, dtype=np.int64)
        columns[name] = Column(turn, np.array(rows.value[name], dtype=np.float64) / inferences[turn])
    return ArmTurns(
        arm=arm,
        replicate=whole[:, 0],
        round=whole[:, 1],
        position=whole[:, 2],
        inferences=inferences,
        wall_ns=whole[:, 4] / inferences,
        cpu_ns=whole[:, 5] / inferences,
        columns=columns,
        absent=rows.absent,
        impossible=rows.impossible,
    )
