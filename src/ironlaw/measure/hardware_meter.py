"""The meter that counts with the PMU: event groups on every thread of an arm, beside the process's clock."""

from __future__ import annotations

import resource
import threading
from collections.abc import Callable
from dataclasses import replace

from ironlaw.event import Count, EventGroup
from ironlaw.machine.process_clock import ProcessClock, list_threads, migrations_so_far
from ironlaw.measure.measured import Measured, measured_turn, migrations_since
from ironlaw.measure.pmu.open_group import OpenGroup
from ironlaw.measure.pmu.perf_event import EventRefused, GroupReading, Kernel, SyscallKernel
from ironlaw.measure.pmu.plausibility import implausible
from ironlaw.missing import Maybe, Missing, first_missing, is_known

_KEPT_FILES = 256  # descriptors left to the arm itself when counters are opened

# A thread that came and went within a turn is in the process's CPU time and not in the counted threads' own.
_UNCOUNTED_SHARE = 0.02
_UNCOUNTED_NS = 200_000


class HardwareMeter:
    """Counts one event group a turn on every thread of the process.

    All groups stay open, and off, from `attach` on: a turn only switches those of its group. Threads are listed again
    at each `begin`; if they changed, every group is opened again. What was counted while a thread ran that is not
    attached is doubted, so its value is a gap.
    """

    def __init__(
        self,
        groups: tuple[EventGroup, ...],
        *,
        kernel: Kernel | None = None,
        threads: Callable[[], tuple[int, ...]] = list_threads,
        clock: ProcessClock | None = None,
    ) -> None:
        self._groups = groups
        self._kernel: Kernel = kernel or SyscallKernel()
        self._list_threads = threads
        self._clock = clock or ProcessClock()
        self._threads: tuple[int, ...] = ()
        self._opened: list[Maybe[tuple[OpenGroup, ...]]] = []
        self._group = -1
        self._on: tuple[int, ...] = ()
        self._off: tuple[int, ...] = ()
        self._migrations_before: Maybe[int] = Missing("the turn has not begun")

    def attach(self) -> None:
        """Open every group on every current thread. A group that the kernel refuses is Missing in each of its turns."""
        self.close()
        self._threads = self._list_threads()
        _make_room(len(self._threads) * sum(len(group.events) for group in self._groups))
        self._opened = [self._open(group) for group in self._groups]

    def _open(self, group: EventGroup) -> Maybe[tuple[OpenGroup, ...]]:
        opened: list[OpenGroup] = []
        try:
            # The calling thread comes first: it is switched on last and off first, so that nothing of the switching of
            # the others is counted on it.
            for thread in sorted(self._threads, key=lambda thread: thread != threading.get_native_id()):
                opened.append(OpenGroup(group.events, thread=thread, kernel=self._kernel))
        except EventRefused as refused:
            for one in opened:
                one.close()
            return Missing(refused.one_line)
        return tuple(opened)

    def begin(self, group: int) -> None:
        """Choose the event group of the coming turn, -1 for none."""
        threads = self._list_threads()
        if threads != self._threads:
            self.attach()
        self._group = group
        opened = self._in_turn()
        for one in opened:
            one.begin()
        self._off = tuple(one.leader for one in opened)
        self._on = self._off[::-1]
        self._migrations_before = migrations_so_far(self._threads)
        self._clock.reset(self._threads)

    def _in_turn(self) -> tuple[OpenGroup, ...]:
        opened = self._opened[self._group] if self._group >= 0 else ()
        return opened if is_known(opened) else ()

    def start(self) -> None:
        """Count from here on."""
        self._clock.start()
        enable = self._kernel.enable
        for leader in self._on:
            enable(leader)

    def stop(self) -> None:
        """Stop counting."""
        disable = self._kernel.disable
        for leader in self._off:
            disable(leader)
        self._clock.stop()

    def finish(self) -> Measured:
        """What was counted since `begin`."""
        turn = measured_turn(
            self._clock, migrations=migrations_since(self._migrations_before, self._threads), counts=()
        )
        return replace(turn, counts=self._counts())

    def _counts(self) -> tuple[Count, ...]:
        if self._group < 0:
            return ()
        group, opened = self._groups[self._group], self._opened[self._group]
        if isinstance(opened, Missing):
            return _gaps(group, opened.reason)
        readings = [one.since_begin() for one in opened]
        lost = first_missing(*readings)
        if lost is not None:
            self._threads = ()  # the group is in error: open everything again before the next turn
            return _gaps(group, lost.reason)
        known = [reading for reading in readings if is_known(reading)]
        counts = tuple(_sum(str(event), place, known) for place, event in enumerate(group.events))
        return doubted(counts, cpu_ns=self._clock.cpu_ns, uncounted=self._uncounted(known))

    def _uncounted(self, readings: list[GroupReading]) -> str:
        """Why the counts do not cover the whole process; empty if they do."""
        new = set(self._list_threads()) - set(self._threads)
        if new:
            self._threads = ()
            return f"{len(new)} thread(s) appeared during the turn and were not counted"
        counted_ns = sum(reading.enabled_ns for reading in readings)
        missed_ns = self._clock.cpu_ns - counted_ns
        if missed_ns > self._clock.cpu_ns * _UNCOUNTED_SHARE + _UNCOUNTED_NS:
            share = missed_ns / self._clock.cpu_ns
            spent = f"{100 * share:.0f} % of the CPU time"
            return f"{spent} was spent by threads that started and ended within the turn, uncounted"
        return ""

    def close(self) -> None:
        """Close all counters."""
        for opened in self._opened:
            if is_known(opened):
                for one in opened:
                    one.close()
        self._opened = []


def doubted(counts: tuple[Count, ...], *, cpu_ns: int, uncounted: str) -> tuple[Count, ...]:
    """The counts of one group, each with its doubt.

    If instructions or cycles are implausible, the whole group is doubted, since the others are checked against them.
    """
    if uncounted:
        return tuple(replace(count, doubt=uncounted) for count in counts)
    reasons = {count.event: found.reason for count in counts if (found := implausible(count, cpu_ns))}
    broken = next((event for event in reasons if event.partition(":")[0] in {"instructions", "cycles"}), None)
    if broken is not None:
        return tuple(
            replace(
                count, doubt=reasons.get(count.event, f"counted in a group with an impossible count: {reasons[broken]}")
            )
            for count in counts
        )
    return tuple(replace(count, doubt=reasons.get(count.event, "")) for count in counts)


def _sum(event: str, place: int, readings: list[GroupReading]) -> Count:
    return Count(
        event=event,
        raw=sum(reading.values[place] for reading in readings),
        enabled_ns=sum(reading.enabled_ns for reading in readings),
        running_ns=sum(reading.running_ns for reading in readings),
    )


def _gaps(group: EventGroup, reason: str) -> tuple[Count, ...]:
    return tuple(Count(event=str(event), raw=0, enabled_ns=0, running_ns=0, doubt=reason) for event in group.events)


def _make_room(counters: int) -> None:
    """Raise this process's own limit on open files as far as it may, if the counters would not fit below it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = counters + _KEPT_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
