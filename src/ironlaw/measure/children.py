"""Child processes: they end with their parent, and what they leave running is found and ended.

A process group or a session is known by the number of its leader. That number is not given to another process while the
leader waits to be reaped, so a group is ended before reaping its leader; and a process that is not the parent ends
another by its descriptor, which cannot come to refer to a different process.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36
_MOST_LOOKS = 10
_MOST_LETTERS = 60  # of a command line that is named


def die_with_parent(by: signal.Signals = signal.SIGKILL) -> None:
    """Ask the kernel to end this process when its parent ends, so that a killed recorder leaves nothing running."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(by), 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none escapes."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def describe_exit(code: int) -> str:
    """How a process ended, by its exit code; a negative one is the signal that killed it."""
    if code >= 0:
        return f"exited with {code}"
    meaning = " (often: out of memory)" if -code == signal.SIGKILL else ""
    return f"killed by {_signal_name(-code)}{meaning}"


def _signal_name(number: int) -> str:
    """The name of a signal; a real-time signal is named by its distance from the first one."""
    try:
        return signal.Signals(number).name
    except ValueError:
        distance = number - signal.SIGRTMIN
        return f"SIGRTMIN+{distance}" if distance > 0 else f"signal {number}"


class ChildEnds:
    """Wakes this process whenever a child of it ends, or another signal with a handler comes."""

    def __init__(self) -> None:
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(writer, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def wait(self, *others: int, timeout_s: float | None = None) -> list[int]:
        """Wait until a child ends, a descriptor is readable, or the time is over; return the readable descriptors."""
        poll = select.poll()
        for descriptor in (self._reader, *others):
            poll.register(descriptor, select.POLLIN)
        ready = [descriptor for descriptor, _ in poll.poll(None if timeout_s is None else max(0.0, timeout_s) * 1000)]
        with contextlib.suppress(BlockingIOError):
            while os.read(self._reader, 4096):
                pass
        return [descriptor for descriptor in ready if descriptor != self._reader]


def ended_child() -> int | None:
    """A child that has ended and is not reaped; None if there is none.

    Raises:
        ChildProcessError: there is no child.
    """
    ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return None if ended is None else ended.si_pid


def end_child(pid: int) -> None:
    """End and reap a child, unless the program in this process, which waits for its own children, has reaped it too."""
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # refused where it is reaped: no kill then
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def end_group(leader: int, ends: ChildEnds, *, grace_s: float, limit_s: float) -> tuple[str, ...]:
    """End what still runs in a group whose leader has ended and is not reaped; the commands that had to be ended.

    What ends by itself within `grace_s` is not among them: helpers that notice by a closed pipe that they are done.
    `limit_s` is how long the ended ones may take to end.
    """
    _wait_until_ended(leader, ends, grace_s)
    left = tuple(_command(pid) for pid in _members(leader))
    if left:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)
        _wait_until_ended(leader, ends, limit_s)
    return left


def _wait_until_ended(group: int, ends: ChildEnds, limit_s: float) -> None:
    deadline_s = time.monotonic() + limit_s
    while _members(group) and time.monotonic() < deadline_s:
        ends.wait(timeout_s=deadline_s - time.monotonic())


def end_children(ends: ChildEnds, *, grace_s: float, limit_s: float) -> tuple[str, ...]:
    """End and reap every child of this process, also those that it adopts by that; the commands that had to be ended.

    `grace_s` and `limit_s` are as in `end_group`.
    """
    _reap_while_running(ends, grace_s)
    left: dict[int, str] = {}
    deadline_s = time.monotonic() + limit_s
    while (children := _children()) and time.monotonic() < deadline_s:
        for pid in children:  # only this process reaps them: each number is still that child's
            left.setdefault(pid, _command(pid))
            os.kill(pid, signal.SIGKILL)
        ends.wait(timeout_s=deadline_s - time.monotonic())
        _reap()
    return tuple(left.values())


def _reap_while_running(ends: ChildEnds, limit_s: float) -> None:
    deadline_s = time.monotonic() + limit_s
    while _reap() and time.monotonic() < deadline_s:
        ends.wait(timeout_s=deadline_s - time.monotonic())


def _reap() -> bool:
    """Reap ended children; return whether children are left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def end_session(leader: int, *, limit_s: float) -> None:
    """Kill what still runs in a session whose leader has ended and is not reaped, also of other parents."""
    deadline_s = time.monotonic() + limit_s
    while (found := _running(_SESSION, leader)) and time.monotonic() < deadline_s:
        for pid in found:
            _end_member(pid, leader, deadline_s)


def hold_descendants(of: int) -> list[int]:
    """Descriptors of what a process has started and adopted, and of what these have: to be ended after it.

    Looks until nothing new is found, since where one ends meanwhile its children are adopted by the process itself; and
    not for ever, where a program starts processes without end.
    """
    held: dict[int, int] = {}
    for _ in range(_MOST_LOOKS):
        fresh = [(pid, parent) for pid, parent in _descendants(of) if pid not in held]
        for pid, parent in fresh:
            with contextlib.suppress(OSError):
                held[pid] = os.pidfd_open(pid)
                if not _holds(pid, _PARENT, parent):
                    os.close(held.pop(pid))
        if not fresh:
            break
    return list(held.values())


def _descendants(of: int) -> Iterator[tuple[int, int]]:
    """What runs below a process, each with its parent."""
    waiting = [of]
    while waiting:
        parent = waiting.pop()
        for pid in _running(_PARENT, parent):
            yield pid, parent
            waiting.append(pid)


def end_held(descriptors: Sequence[int]) -> None:
    """Kill what is held, and let go of it."""
    for descriptor in descriptors:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        os.close(descriptor)


def _end_member(pid: int, session: int, deadline_s: float) -> None:
    """Kill a process that is no child of this one, unless its number now belongs to a different process."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if _holds(pid, _SESSION, session):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            poll.poll(max(0.0, deadline_s - time.monotonic()) * 1000)
    except ProcessLookupError:
        pass
    finally:
        os.close(descriptor)


# Places in /proc/PID/stat after the command, which is in parentheses and may hold anything (proc(5)).
_STATE, _PARENT, _GROUP, _SESSION = 0, 1, 2, 3


def _members(group: int) -> list[int]:
    """What runs in a process group."""
    return _running(_GROUP, group)


def _children() -> list[int]:
    """The children of this process that run."""
    return _running(_PARENT, os.getpid())


def _running(place: int, value: int) -> list[int]:
    """The processes that have a value in this field of their state, by number."""
    return [int(name) for name in os.listdir("/proc") if name.isdecimal() and _holds(int(name), place, value)]


def _holds(pid: int, place: int, value: int) -> bool:
    """Whether a process runs, and has a value in this field of its state."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:  # it has ended since
        return False
    return fields[_STATE] not in "ZX" and int(fields[place]) == value


def _command(pid: int) -> str:
    """The command line of a process, as one printable line; one that is this process's own is a fork without exec."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return "a process that had just ended"
    if raw == Path("/proc/self/cmdline").read_bytes():
        return "a fork of its own process"
    words = raw.decode(errors="replace").rstrip("\0").split("\0")
    line = "".join(letter if letter.isprintable() else "?" for letter in " ".join(words))
    return line if len(line) <= _MOST_LETTERS else f"{line[: _MOST_LETTERS - 1]}…"
