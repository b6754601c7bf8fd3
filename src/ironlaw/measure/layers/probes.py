"""Quantities read at the borders of layers in addition to the wall clock; stored raw during the turn, combined later.

A probe is taken before a layer's first and after its last reading of the clock, so its own cost is not in the layer's
time. Taking one allocates as little as possible.
"""

from __future__ import annotations

import resource
import threading
import time
from array import array
from collections.abc import Callable
from typing import Protocol, TypeAlias

from ironlaw.event import EventGroup
from ironlaw.layer import Probe
from ironlaw.machine.process_clock import clock_of_thread, list_threads
from ironlaw.measure.pmu.open_group import OpenGroup
from ironlaw.measure.pmu.perf_event import EventRefused, Kernel, SyscallKernel, decode_group
from ironlaw.missing import Missing

Take: TypeAlias = Callable[[], None]


class Border(Protocol):
    """Something that is read at borders."""

    probe: Probe
    group: int
    names: tuple[str, ...]

    def begin(self) -> Take | None:
        """Open what is needed and discard earlier readings; return the function that reads once, or None."""

    def taken(self) -> dict[str, array[int]]:
        """The readings by quantity, in order; lost quantities are left out."""

    def end(self) -> dict[str, str]:
        """Close what was opened; return the lost quantities with the reason."""


class ClockBorder:
    """The wall clock alone, which is read at every border anyway: the least disturbance."""

    probe = Probe.CLOCK
    group = -1
    names: tuple[str, ...] = ()

    def begin(self) -> None:
        """Nothing to open."""
        return

    def taken(self) -> dict[str, array[int]]:
        """Nothing was read."""
        return {}

    def end(self) -> dict[str, str]:
        """Nothing was opened."""
        return {}


class _OneQuantity:
    """Reads one quantity of the whole process, for which nothing has to be opened."""

    group = -1
    names: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._read: array[int] = array("q")

    def taken(self) -> dict[str, array[int]]:
        """The quantity since the process began."""
        return dict.fromkeys(self.names, self._read)

    def end(self) -> dict[str, str]:
        """Nothing was opened."""
        return {}


class CpuBorder(_OneQuantity):
    """CPU time of all threads of the process, ns."""

    probe = Probe.CPU
    names: tuple[str, ...] = ("cpu_ns",)

    def begin(self) -> Take:
        """Update the current threads at each reading (see ProcessClock)."""
        self._read = array("q")
        others = tuple(clock_of_thread(thread) for thread in list_threads() if thread != threading.get_native_id())
        keep, now, touch = self._read.append, time.process_time_ns, time.clock_gettime_ns

        def take() -> None:
            for other in others:
                touch(other)
            keep(now())

        return take if others else lambda: keep(now())


class FaultBorder(_OneQuantity):
    """Minor page faults of the process."""

    probe = Probe.FAULTS
    names: tuple[str, ...] = ("page-faults",)

    def begin(self) -> Take:
        """Discard earlier readings."""
        self._read = array("q")
        keep, usage, whole_process = self._read.append, resource.getrusage, resource.RUSAGE_SELF
        return lambda: keep(usage(whole_process).ru_minflt)


class GroupBorder:
    """One event group of the PMU, on every thread of the process."""

    probe = Probe.GROUP

    def __init__(
        self,
        number: int,
        group: EventGroup,
        *,
        kernel: Kernel | None = None,
        threads: Callable[[], tuple[int, ...]] = list_threads,
    ) -> None:
        self.group = number
        self.names = tuple(str(event) for event in group.events)
        self._events = group.events
        self._kernel: Kernel = kernel or SyscallKernel()
        self._threads = threads
        self._opened: list[OpenGroup] = []
        self._raw: list[bytes] = []
        self._lost = ""

    def begin(self) -> Take:
        """Open the group on every current thread and enable it."""
        self._raw, self._lost = [], ""
        try:
            for thread in self._threads():
                self._opened.append(OpenGroup(self._events, thread=thread, kernel=self._kernel))
        except EventRefused as refused:
            self._lost = refused.one_line
            self._close()
        keep, snapshot, members = self._raw.append, self._kernel.snapshot, len(self._events)
        leaders = tuple(one.leader for one in self._opened)
        for leader in leaders:
            self._kernel.enable(leader)

        def take() -> None:
            for leader in leaders:
                keep(snapshot(leader, members))

        return take

    def taken(self) -> dict[str, array[int]]:
        """Occurrences since the turn began, summed over threads."""
        threads = len(self._opened)
        sums = {name: array("q") for name in self.names}
        if not threads:
            return {}
        for start in range(0, len(self._raw), threads):
            readings = [decode_group(data) for data in self._raw[start : start + threads]]
            for name, place in zip(self.names, range(len(self.names)), strict=True):
                total = 0
                for one, reading in zip(self._opened, readings, strict=True):
                    if isinstance(reading, Missing):
                        self._lost = reading.reason
                        return {}
                    if reading.running_ns < reading.enabled_ns:
                        self._lost = "the kernel time-shared the group"
                        return {}
                    total += reading.values[one.id_at(place)]
                sums[name].append(total)
        return sums

    def end(self) -> dict[str, str]:
        """Close the counters."""
        new = set(self._threads()) - {one.thread for one in self._opened}
        if new and not self._lost and self._opened:
            self._lost = f"{len(new)} thread(s) appeared during the turn and were not counted"
        self._close()
        return dict.fromkeys(self.names, self._lost) if self._lost else {}

    def _close(self) -> None:
        for one in self._opened:
            one.close()
        self._opened = []
