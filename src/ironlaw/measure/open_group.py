"""An event group opened on one thread: switched as one, read as differences."""

from __future__ import annotations

from ironlaw.event import Event, EventGroup
from ironlaw.measure.perf_event import GroupReading, Kernel, Opened
from ironlaw.missing import Maybe, Missing, is_known

# Intel's top-down events are only accepted behind this one as the group's leader
# (arch/x86/events/intel/core.c).
_LEADS = "slots"


class OpenGroup:
    """The counters of one group on one thread. `leader` is what the kernel switches them all by."""

    def __init__(self, group: EventGroup, *, thread: int, kernel: Kernel) -> None:
        """Open the group.

        Raises:
            EventRefused: the kernel refused a member; those opened before it are closed again.
        """
        self._kernel = kernel
        self._members: dict[Event, Opened] = {}
        self._before: Maybe[GroupReading] = Missing("the group was not read")
        self.group = group
        self.leader = -1
        try:
            for event in sorted(group.events, key=lambda event: event.name != _LEADS):
                opened = kernel.open(event, thread=thread, leader=self.leader)
                self._members[event] = opened
                self.leader = self.leader if self.leader != -1 else opened.fd
        except BaseException:
            self.close()
            raise

    def begin(self) -> None:
        """What was counted so far is left out of the next `since_begin`."""
        self._before = self._kernel.read(self.leader, len(self._members))

    def since_begin(self) -> Maybe[GroupReading]:
        """What was counted since `begin`: the difference of two readings, since a reset would spare the times.

        `values` is keyed by the position of the event in the group.
        """
        before, after = self._before, self._kernel.read(self.leader, len(self._members))
        if not is_known(before):
            return before
        if not is_known(after):
            return after
        return GroupReading(
            enabled_ns=after.enabled_ns - before.enabled_ns,
            running_ns=after.running_ns - before.running_ns,
            values={
                place: after.values[self._members[event].id] - before.values[self._members[event].id]
                for place, event in enumerate(self.group.events)
            },
        )

    def close(self) -> None:
        """Close the members, the leader last."""
        for opened in reversed(list(self._members.values())):
            self._kernel.close(opened.fd)
        self._members = {}
