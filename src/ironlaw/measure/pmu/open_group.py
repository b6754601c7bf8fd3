"""Events opened as one group on one thread: switched as one, read as differences."""

from __future__ import annotations

from contextlib import ExitStack

from ironlaw.event import Event
from ironlaw.measure.pmu.perf_event import GroupReading, Kernel, Opened
from ironlaw.missing import Maybe, Missing

# Intel's top-down events are only accepted after this one as the group's leader (arch/x86/events/intel/core.c).
_LEADS = "slots"


class OpenGroup:
    """The counters of one group on one thread. `leader` is what the kernel switches them all by."""

    def __init__(self, events: tuple[Event, ...], *, thread: int, kernel: Kernel) -> None:
        """Open the group on a thread of this process; 0 is the calling one.

        Raises:
            EventRefused: the kernel refused a member; those opened before it are closed again.
        """
        self._kernel = kernel
        self.thread = thread
        self._members: dict[int, Opened] = {}  # by place among the events
        self._before: Maybe[GroupReading] = Missing("the group was not read before the turn")
        self.leader = -1
        with ExitStack() as undo:
            undo.callback(self.close)
            for place in sorted(range(len(events)), key=lambda place: events[place].name != _LEADS):
                opened = kernel.open(events[place], thread=thread, leader=self.leader)
                self._members[place] = opened
                self.leader = self.leader if self.leader != -1 else opened.fd
            undo.pop_all()

    def begin(self) -> None:
        """What was counted so far is left out of the next `since_begin`."""
        self._before = self.read()

    def read(self) -> Maybe[GroupReading]:
        """What was counted since the group was opened, as the kernel gives it."""
        return self._kernel.read(self.leader, len(self._members))

    def since_begin(self) -> Maybe[GroupReading]:
        """What was counted since `begin`: the difference of two readings, since a reset would spare the times.

        `values` is keyed by the place of the event in the group.
        """
        before, after = self._before, self.read()
        if isinstance(before, Missing):
            return before
        if isinstance(after, Missing):
            return after
        return GroupReading(
            enabled_ns=after.enabled_ns - before.enabled_ns,
            running_ns=after.running_ns - before.running_ns,
            values={
                place: after.values[opened.id] - before.values[opened.id] for place, opened in self._members.items()
            },
        )

    def id_at(self, place: int) -> int:
        """The id under which a reading names the event at a place of the group."""
        return self._members[place].id

    def close(self) -> None:
        """Close the members, the leader last."""
        for opened in reversed(list(self._members.values())):
            self._kernel.close(opened.fd)
        self._members = {}
