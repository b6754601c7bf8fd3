"""Meters: what a turn cost, from the clock and the kernel's books, with the PMU or without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ironlaw.event import Count
from ironlaw.measure.process_clock import ProcessClock, list_threads, migrations_so_far
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.recording import CounterCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one turn cost, all threads of the process together; times in ns.

    `threads` is the number of threads when the turn ended.
    """

    cpu_ns: int
    user_ns: Maybe[int]
    kernel_ns: Maybe[int]
    minor_faults: int
    major_faults: int
    context_switches: int
    migrations: Maybe[int]
    counts: tuple[Count, ...]
    threads: int


class TurnMeter(Protocol):
    """Measures turns in an arm's own process; the caller reads the wall clock inside start and stop."""

    def attach(self) -> None:
        """Open what is needed on every thread of the process; called once, after warm-up."""

    def begin(self, group: int) -> None:
        """Choose the event group of the coming turn (-1 for none) and forget what was counted."""

    def start(self) -> None:
        """Count from here on; a turn may start and stop several times."""

    def stop(self) -> None:
        """Stop counting."""

    def finish(self) -> Measured:
        """What was counted since `begin`."""

    def close(self) -> None:
        """Give back what `attach` opened."""


class ClockMeter:
    """Measures with the CPU clock, rusage and the scheduler's counters: what every Linux process may read."""

    def __init__(self) -> None:
        self._clock = ProcessClock()
        self._threads: tuple[int, ...] = ()
        self._migrations_before: Maybe[int] = Missing("the turn has not begun")
        self.start = self._clock.start
        self.stop = self._clock.stop

    def attach(self) -> None:
        """Nothing is to be opened."""

    def begin(self, group: int) -> None:
        """Forget what was counted; there is no group to choose but -1.

        Raises:
            ValueError: a group was asked for.
        """
        if group != -1:
            raise ValueError(f"the clock-only meter has no event group {group}")
        self._threads = list_threads()
        self._migrations_before = migrations_so_far(self._threads)
        self._clock.reset(self._threads)

    def finish(self) -> Measured:
        """What the process cost between each start and stop since `begin`."""
        return measured(
            self._clock,
            migrations=migrations_since(self._migrations_before, self._threads),
            counts=(),
        )

    def close(self) -> None:
        """Nothing was opened."""


def migrations_since(before: Maybe[int], threads: tuple[int, ...]) -> Maybe[int]:
    """Moves to another CPU since `before` was read for the same threads."""
    after = migrations_so_far(threads)
    if not is_known(before):
        return before
    if not is_known(after):
        return after
    if after < before:
        return Missing("migrations are not known: a thread ended during the turn and took its number along")
    return after - before


def measured(clock: ProcessClock, *, migrations: Maybe[int], counts: tuple[Count, ...]) -> Measured:
    """One turn, from the process's clock and what was counted beside it."""
    return Measured(
        cpu_ns=clock.cpu_ns,
        user_ns=clock.user_ns,
        kernel_ns=clock.kernel_ns,
        minor_faults=clock.minor_faults,
        major_faults=clock.major_faults,
        context_switches=clock.context_switches,
        migrations=migrations,
        counts=counts,
        threads=len(list_threads()),
    )


def meter_for(check: CounterCheck) -> TurnMeter:
    """The meter for what the counter test found usable."""
    return ClockMeter()
