"""A kernel with a stated PMU: what the logic above perf_event_open is tested on, without a PMU.

It imitates what real ones were seen to do: counters that open and do not count, groups that skew when one counter too
many is in use, multiplexing, refusals of a mode or an event, and counts that no CPU can have made.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from ironlaw.event import Event, Mode, Source
from ironlaw.machine.process_clock import ProcessClock
from ironlaw.measure.pmu.known_loop import BRANCHES_PER_ITERATION, INSTRUCTIONS_PER_ITERATION
from ironlaw.measure.pmu.perf_event import GroupReading, Opened, decode_group, refusal
from ironlaw.missing import Maybe

EINVAL = 22
OWN_THREAD = 1
NS_PER_CYCLE = 1 / 3  # the stated CPU runs at 3 GHz


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedPmu:
    """How a PMU behaves. The default one has six counters and no fault.

    `opens` counters open in a group. In a group of more than `works`, the last one reads 0 and the others count `skew`
    times too much. `refuses` maps an event, as printed, or a mode's suffix ("" where both are counted), or "*"
    for all, to an errno. `adds` maps an
    event's name to what it reads instead of the truth, each time it is on. A group of more than `shares_above` events
    runs part of the time only. `has_room` says whether pinned groups find their counters free.
    """

    opens: int = 6
    works: int = 6
    skew: float = 1.0
    refuses: Mapping[str, int] = field(default_factory=dict)
    adds: Mapping[str, int] = field(default_factory=dict)
    shares_above: int = 99
    has_room: bool = True


# Six open, five work: the numbers seen on a Zen 3 guest, where 534.2 million instructions read as 567.2 million.
ZEN_3_GUEST = StatedPmu(opens=6, works=5, skew=567.2 / 534.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a thread did: occurrences by event name in each mode, and the CPU time it took.

    Events not named occur half as often as instructions.
    """

    user: Mapping[str, int]
    kernel: Mapping[str, int] = field(default_factory=dict)
    cpu_ns: int

    def occurrences(self, event: Event) -> int:
        """How often the event occurred in its mode."""
        user, kernel = (side.get(event.name, side.get("instructions", 0) // 2) for side in (self.user, self.kernel))
        return {Mode.USER: user, Mode.KERNEL: kernel, Mode.BOTH: user + kernel}[event.mode]


@dataclass(slots=True, kw_only=True)
class _Counter:
    event: Event
    thread: int
    leader: int
    count: int = 0
    enabled_ns: int = 0
    running_ns: int = 0
    is_on: bool = False


class ScriptedKernel:
    """A kernel whose counters count stated work."""

    def __init__(self, pmu: StatedPmu | None = None) -> None:
        self.pmu = pmu or StatedPmu()
        self.cpu_ns = 0
        self.now_ns = 0
        self._counters: dict[int, _Counter] = {}
        self._fds = itertools.count(3)

    @property
    def open_counters(self) -> int:
        """How many counters are open now."""
        return len(self._counters)

    def open(self, event: Event, *, thread: int, leader: int) -> Opened:
        """Open a counter; thread 0 is the calling one."""
        for name in (str(event), event.name, event.mode.value, "*"):
            if name in self.pmu.refuses:
                raise refusal(event, self.pmu.refuses[name])
        if leader != -1 and event.source is not Source.SOFTWARE and len(self._group(leader)) >= self.pmu.opens:
            raise refusal(event, EINVAL)
        fd = next(self._fds)
        self._counters[fd] = _Counter(event=event, thread=thread or OWN_THREAD, leader=fd if leader == -1 else leader)
        return Opened(fd, fd + 1000)

    def _group(self, leader: int) -> dict[int, _Counter]:
        return {fd: counter for fd, counter in self._counters.items() if counter.leader == leader}

    def enable(self, leader: int) -> None:
        """Let the whole group count."""
        self._counters[leader].is_on = True

    def disable(self, leader: int) -> None:
        """Stop the whole group."""
        self._counters[leader].is_on = False

    def read(self, leader: int, members: int) -> Maybe[GroupReading]:
        """What the group counted; takes a stated 500 ns."""
        return decode_group(self.snapshot(leader, members))

    def snapshot(self, leader: int, members: int) -> bytes:
        """The reading in the kernel's own form."""
        self.now_ns += 500
        group = self._group(leader)
        assert len(group) == members, "the reader knows its group"
        if not self.pmu.has_room:
            return b""
        first = self._counters[leader]
        pairs = [number for fd, counter in group.items() for number in (counter.count, fd + 1000)]
        return struct.pack(f"={3 + len(pairs)}Q", len(group), first.enabled_ns, first.running_ns, *pairs)

    def close(self, fd: int) -> None:
        """Give the counter back."""
        del self._counters[fd]

    def run(self, work: Work, *, thread: int = OWN_THREAD) -> None:
        """Let a thread do the work: time passes, and what is on counts."""
        self.cpu_ns += work.cpu_ns
        self.now_ns += work.cpu_ns
        for leader, first in self._counters.items():
            if first.leader == leader and first.is_on and first.thread == thread:
                self._count(self._group(leader), work)

    def _count(self, group: dict[int, _Counter], work: Work) -> None:
        is_overfull = len(group) > self.pmu.works
        share = min(1.0, self.pmu.shares_above / len(group))
        for place, counter in enumerate(group.values()):
            true = self.pmu.adds.get(counter.event.name, work.occurrences(counter.event))
            skewed = 0 if place == len(group) - 1 else round(true * self.pmu.skew)
            counter.count += round((skewed if is_overfull else true) * share)
            counter.enabled_ns += work.cpu_ns
            counter.running_ns += round(work.cpu_ns * share)


class ScriptedWork:
    """The known loop and its companions on a scripted kernel, with the overheads a real one has."""

    def __init__(self, kernel: ScriptedKernel) -> None:
        self._kernel = kernel

    def spin(self, iterations: int) -> None:
        """Two instructions an iteration, one of them a branch, one cycle; one timer interrupt comes in between."""
        user = {
            "instructions": iterations * INSTRUCTIONS_PER_ITERATION + 1_500,
            "cycles": iterations + 900,
            "branches": iterations * BRANCHES_PER_ITERATION + 300,
        }
        kernel = {"instructions": 4_000, "cycles": 6_000, "branches": 800}
        self._kernel.run(Work(user=user, kernel=kernel, cpu_ns=round((iterations + 6_900) * NS_PER_CYCLE)))

    def call_kernel(self, times: int) -> None:
        """System calls of 150 instructions in the kernel and 30 before it."""
        user = {"instructions": times * 30, "cycles": times * 20}
        kernel = {"instructions": times * 150, "cycles": times * 130}
        self._kernel.run(Work(user=user, kernel=kernel, cpu_ns=round(times * 150 * NS_PER_CYCLE)))

    def stream_memory(self) -> None:
        """A copy that misses every cache."""
        user = {"instructions": 1_000_000, "cycles": 4_000_000, "branches": 10_000}
        self._kernel.run(Work(user=user, cpu_ns=round(4_000_000 * NS_PER_CYCLE)))

    def cpu_ns(self) -> int:
        """CPU time of the stated work so far."""
        return self._kernel.cpu_ns

    def now_ns(self) -> int:
        """The stated clock."""
        return self._kernel.now_ns


class ScriptedClock(ProcessClock):
    """A process clock that reads the scripted kernel's CPU time."""

    def __init__(self, kernel: ScriptedKernel) -> None:
        super().__init__()
        self._kernel = kernel

    def start(self) -> None:
        """Open a window."""
        self._cpu_begun_ns = self._kernel.cpu_ns

    def stop(self) -> None:
        """Close the window and add it to the sums."""
        self.cpu_ns += self._kernel.cpu_ns - self._cpu_begun_ns
