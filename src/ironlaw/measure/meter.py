"""Meters: what a turn cost, from the clock and the kernel's accounting, with the PMU or without."""

from __future__ import annotations

from typing import Protocol

from ironlaw.event import EventGroup
from ironlaw.fact import CounterCheck, Meter
from ironlaw.machine.process_clock import ProcessClock, list_threads, migrations_so_far
from ironlaw.measure.hardware_meter import HardwareMeter
from ironlaw.measure.measured import Measured, measured_turn, migrations_since
from ironlaw.missing import Maybe, Missing


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
            ValueError: a group was requested.
        """
        if group != -1:
            raise ValueError(f"the clock-only meter has no event group {group}")
        self._threads = list_threads()
        self._migrations_before = migrations_so_far(self._threads)
        self._clock.reset(self._threads)

    def finish(self) -> Measured:
        """What the process cost between each start and stop since `begin`."""
        return measured_turn(
            self._clock,
            migrations=migrations_since(self._migrations_before, self._threads),
            counts=(),
        )

    def close(self) -> None:
        """Nothing was opened."""


def meter_for(check: CounterCheck) -> TurnMeter:
    """The meter for what the counter test found usable.

    Raises:
        ValueError: the check names a group of events whose encoding it does not hold.
    """
    if check.meter is not Meter.HARDWARE:
        return ClockMeter()
    return HardwareMeter(groups_of(check))


def groups_of(check: CounterCheck) -> tuple[EventGroup, ...]:
    """The event groups of a check, with what the kernel is asked to count."""
    by_name = {str(event): event for event in check.events}
    unknown = {name for group in check.groups for name in group} - set(by_name)
    if unknown:
        raise ValueError(f"the counter check does not say how to count {sorted(unknown)}")
    return tuple(EventGroup(tuple(by_name[name] for name in group)) for group in check.groups)
