"""Events, the groups in which they share the PMU, counts as the kernel returned them, and their physical bounds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ironlaw.missing import Maybe, Missing, Remedy
from ironlaw.ranges import MOST, Amount


class Mode(Enum):
    """Whose work is counted; the value is the suffix that `perf` uses."""

    BOTH = ""
    USER = ":u"
    KERNEL = ":k"


class Source(Enum):
    """The kernel's event type (perf_event_attr.type) that an event's number belongs to."""

    HARDWARE = 0
    SOFTWARE = 1
    CACHE = 3
    RAW = 4


@dataclass(frozen=True, slots=True)
class Event:
    """Something the CPU or the kernel can count; written as `perf` writes it: instructions:u."""

    name: str
    source: Source
    config: int
    mode: Mode = Mode.BOTH

    def __str__(self) -> str:
        return self.name + self.mode.value

    def in_mode(self, mode: Mode) -> Event:
        """The same event, counted in another mode."""
        return Event(self.name, self.source, self.config, mode)


# Numbers from linux/perf_event.h, enum perf_hw_id and perf_sw_ids.
CYCLES = Event("cycles", Source.HARDWARE, 0)
INSTRUCTIONS = Event("instructions", Source.HARDWARE, 1)
CACHE_REFERENCES = Event("cache-references", Source.HARDWARE, 2)
CACHE_MISSES = Event("cache-misses", Source.HARDWARE, 3)
BRANCHES = Event("branches", Source.HARDWARE, 4)
BRANCH_MISSES = Event("branch-misses", Source.HARDWARE, 5)
TASK_CLOCK = Event("task-clock", Source.SOFTWARE, 1)
PAGE_FAULTS = Event("page-faults", Source.SOFTWARE, 2)
CONTEXT_SWITCHES = Event("context-switches", Source.SOFTWARE, 3)
MIGRATIONS = Event("cpu-migrations", Source.SOFTWARE, 4)


@dataclass(frozen=True, slots=True)
class EventGroup:
    """Events that the PMU counts at the same time, in one turn.

    Every group holds instructions and cycles in some mode, so that counts of different groups can be checked against
    each other.
    """

    events: tuple[Event, ...]

    def __post_init__(self) -> None:
        names = {event.name for event in self.events}
        if self.events and not {"instructions", "cycles"} <= names:
            raise ValueError(f"a group without instructions and cycles cannot be checked: {self}")
        if len(set(self.events)) != len(self.events):
            raise ValueError(f"an event occurs twice in {self}")

    def __str__(self) -> str:
        return "{" + ",".join(str(event) for event in self.events) + "}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """One event over one turn, summed over the threads of the arm, as the kernel returned it, unscaled.

    `doubt` is why a count that was read is not credible (beyond physical bounds, or a thread was not counted).
    """

    event: str  # as printed by Event: instructions:u
    raw: int  # occurrences while the counter sat on the PMU
    enabled_ns: Amount  # time we asked it to count
    running_ns: Amount  # time it did count; smaller when the kernel time-shared it
    doubt: str = ""

    @property
    def value(self) -> Maybe[int]:
        """Occurrences in the turn; Missing if the counter did not run all the time or the count is not credible."""
        if self.doubt:
            return Missing(self.doubt)
        if not 0 <= self.raw <= MOST:
            return Missing(f"{self.event} read {self.raw:.3g}, which nothing can be counted to in a turn")
        if self.enabled_ns == 0:
            return Missing(f"{self.event} was never enabled")
        if self.running_ns < self.enabled_ns:
            share = self.running_ns / self.enabled_ns
            return Missing(
                f"{self.event} counted only {100 * share:.0f} % of the time; it was multiplexed", Remedy.FREE_PMU
            )
        return self.raw


def plan_groups(
    slots: int,
    *,
    modes: tuple[Mode, ...],
    extras: tuple[Event, ...],
    together: tuple[tuple[Event, ...], ...] = (),
) -> tuple[EventGroup, ...]:
    """Divide the requested events into groups of at most `slots`.

    The first group counts instructions and cycles separately in each allowed mode. Every other group counts both in all
    allowed modes together, and as many further events as fit. With fewer than two slots there are no groups. Where
    kernel mode is refused, all events are those of user mode, and their names say so. Each set in `together` becomes
    one group whatever its size, because its events have counters of their own.
    """
    if slots < 2:
        return ()
    whole = Mode.BOTH if Mode.KERNEL in modes else Mode.USER
    pairs = [(INSTRUCTIONS.in_mode(mode), CYCLES.in_mode(mode)) for mode in modes if mode is not Mode.BOTH]
    groups: list[tuple[Event, ...]] = []
    while pairs:
        fits = max(1, slots // 2)
        groups.append(tuple(event for pair in pairs[:fits] for event in pair))
        pairs = pairs[fits:]
    both = (INSTRUCTIONS.in_mode(whole), CYCLES.in_mode(whole))
    room = slots - 2
    waiting = [event.in_mode(whole) for event in extras]
    while waiting and room > 0:
        groups.append((*both, *waiting[:room]))
        waiting = waiting[room:]
    groups += [(*both, *(event.in_mode(whole) for event in events)) for events in together]
    return tuple(EventGroup(events) for events in groups)


# Physical bounds: a count beyond them comes from a broken counter.
MOST_CYCLES_PER_NS = 10.0  # no CPU has been sold above 6.2 GHz, none shown above 9.1 GHz
# The widest cores retire 8 to 12 micro-operations a cycle, and a fused pair of instructions counts as two of some.
MOST_INSTRUCTIONS_PER_CYCLE = 20.0
# Floating-point operations are the most frequent of all: two 512-bit units with 32 half-precision lanes, two each.
_MOST_OF_ANY_PER_CYCLE = 128.0
_MOST_PER_CYCLE = {
    "cycles": 1.0,
    "ref-cycles": 1.0,
    "instructions": MOST_INSTRUCTIONS_PER_CYCLE,
    "branches": MOST_INSTRUCTIONS_PER_CYCLE,
    "branch-misses": MOST_INSTRUCTIONS_PER_CYCLE,
}


def most_per_ns(event: str) -> float:
    """Return the most occurrences of an event per ns of CPU time. The event is named with or without :u or :k."""
    return MOST_CYCLES_PER_NS * _MOST_PER_CYCLE.get(event.partition(":")[0], _MOST_OF_ANY_PER_CYCLE)
