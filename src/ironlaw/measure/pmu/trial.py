"""One trial of the known-answer test: a group of events counted around work whose counts are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ironlaw.event import Count, Event
from ironlaw.measure.pmu.open_group import OpenGroup
from ironlaw.measure.pmu.perf_event import Kernel
from ironlaw.missing import Maybe, Missing

_CALLING_THREAD = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a group counted around a piece of work, in the order of its events, and the CPU time that work took."""

    counts: tuple[Count, ...]
    cpu_ns: int

    def values(self) -> Maybe[tuple[int, ...]]:
        """The counts, or why one of them is a gap."""
        found: list[int] = []
        for count in self.counts:
            value = count.value
            if isinstance(value, Missing):
                return value
            found.append(value)
        return tuple(found)


def count_around(
    work: Callable[[], None], events: tuple[Event, ...], *, kernel: Kernel, cpu_ns: Callable[[], int]
) -> Maybe[Trial]:
    """Count the events on the calling thread while the work is done; a gap when the PMU had no room for them.

    Raises:
        EventRefused: the kernel did not open one of them.
    """
    group = OpenGroup(events, thread=_CALLING_THREAD, kernel=kernel)
    try:
        group.begin()
        begun_ns = cpu_ns()
        kernel.enable(group.leader)
        work()
        kernel.disable(group.leader)
        ended_ns = cpu_ns()
        reading = group.since_begin()
    finally:
        group.close()
    if isinstance(reading, Missing):
        return reading
    return Trial(
        counts=tuple(
            Count(
                event=str(event),
                raw=reading.values[place],
                enabled_ns=reading.enabled_ns,
                running_ns=reading.running_ns,
            )
            for place, event in enumerate(events)
        ),
        cpu_ns=ended_ns - begun_ns,
    )
