"""The kernel's counts for a whole process: CPU time, faults, context switches, migrations."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path

from ironlaw.missing import Maybe, Missing

_RUSAGE_SELF = 0  # sys/resource.h
_NS_PER_S = 1_000_000_000
_NS_PER_US = 1_000


class _TimeVal(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("microseconds", ctypes.c_long))

    def ns(self) -> int:
        return int(self.seconds) * _NS_PER_S + int(self.microseconds) * _NS_PER_US


class _Rusage(ctypes.Structure):
    # struct rusage of sys/resource.h, the same on all 64-bit Linux ABIs.
    _fields_ = (
        ("user", _TimeVal),
        ("kernel", _TimeVal),
        ("_sizes", ctypes.c_long * 4),
        ("minor_faults", ctypes.c_long),
        ("major_faults", ctypes.c_long),
        ("_unused", ctypes.c_long * 6),
        ("voluntary_switches", ctypes.c_long),
        ("involuntary_switches", ctypes.c_long),
    )

    def switches(self) -> int:
        return int(self.voluntary_switches) + int(self.involuntary_switches)


# PyDLL keeps the interpreter lock: giving it up would let another thread run inside the window.
_libc = ctypes.PyDLL(None)
_getrusage = _libc.getrusage
_getrusage.argtypes = (ctypes.c_int, ctypes.c_void_p)


def list_threads() -> tuple[int, ...]:
    """The kernel's ids of all threads of this process, in ascending order."""
    return tuple(sorted(int(name) for name in os.listdir("/proc/self/task")))


def cpu_ns_by_thread() -> dict[int, int]:
    """The CPU time of every thread of this process so far, in ns, by the kernel's id; without those that just ended."""
    spent: dict[int, int] = {}
    for thread in list_threads():
        try:
            spent[thread] = time.clock_gettime_ns(clock_of_thread(thread))
        except OSError:  # it ended between the listing and the reading
            continue
    return spent


class ProcessClock:
    """Sums CPU time, page faults and context switches of all threads of this process over windows.

    `start` and `stop` may be called several times; everything between a stop and the next start is excluded.

    CPU time is CLOCK_PROCESS_CPUTIME_ID, to the nanosecond. The kernel updates a *running* thread's share only at its
    timer tick (up to 10 ms late), except for the caller. Reading each thread's own clock first forces an update, so
    that spinning pool threads are counted fully.

    The sum of user and kernel time is equally exact, but its split is not unless the kernel accounts at every entry
    (see inspection.cpu_time_split): each timer tick is charged to the mode it interrupts. That is coarse for one turn;
    the mean over a recording is unbiased unless the work is synchronous with the tick.
    """

    def __init__(self) -> None:
        self._begun = _Rusage()
        self._ended = _Rusage()
        self._begun_at = ctypes.addressof(self._begun)
        self._ended_at = ctypes.addressof(self._ended)
        self._other_clocks: tuple[int, ...] = ()
        self._cpu_begun_ns = 0
        self.reset(list_threads())

    def reset(self, threads: tuple[int, ...]) -> None:
        """Reset the sums; `threads` are the current thread ids."""
        own = os.getpid() if len(threads) == 1 else _own_thread()
        self._other_clocks = tuple(clock_of_thread(thread) for thread in threads if thread != own)
        self.cpu_ns = 0
        self.user_ns = 0
        self.kernel_ns = 0
        self.minor_faults = 0
        self.major_faults = 0
        self.context_switches = 0

    def start(self) -> None:
        """Open a window."""
        for clock in self._other_clocks:
            _touch(clock)
        _getrusage(_RUSAGE_SELF, self._begun_at)
        self._cpu_begun_ns = time.process_time_ns()

    def stop(self) -> None:
        """Close the window and add it to the sums."""
        for clock in self._other_clocks:
            _touch(clock)
        cpu_ended_ns = time.process_time_ns()
        _getrusage(_RUSAGE_SELF, self._ended_at)
        begun, ended = self._begun, self._ended
        self.cpu_ns += cpu_ended_ns - self._cpu_begun_ns
        self.user_ns += ended.user.ns() - begun.user.ns()
        self.kernel_ns += ended.kernel.ns() - begun.kernel.ns()
        self.minor_faults += ended.minor_faults - begun.minor_faults
        self.major_faults += ended.major_faults - begun.major_faults
        self.context_switches += ended.switches() - begun.switches()


def migrations_so_far(threads: tuple[int, ...], *, root: Path = Path("/")) -> Maybe[int]:
    """How often the kernel migrated these threads to another CPU since they started; ended threads are excluded.

    The same number as the software event cpu-migrations, without the permission that event needs.
    """
    total = 0
    for thread in threads:
        try:
            text = (root / f"proc/self/task/{thread}/sched").read_text()
        except FileNotFoundError:
            if (root / f"proc/self/task/{thread}").exists():
                return Missing("migrations are not reported: this kernel has no /proc/self/sched")
            continue
        except OSError as error:
            return Missing(f"migrations are not reported: {error.strerror} on /proc/self/sched")
        line = next((line for line in text.splitlines() if line.startswith("se.nr_migrations")), None)
        if line is None:
            return Missing("migrations are not reported: /proc/self/sched has no se.nr_migrations")
        total += int(line.rpartition(":")[2])
    return total


def waited_ns(*, root: Path = Path("/")) -> Maybe[int]:
    """How long this process's threads were runnable but waited for a CPU, in ns since they started.

    Time asleep is excluded. Source: the second field of schedstat, sched_info.run_delay of the kernel.
    """
    total = 0
    folder = root / "proc/self/task"
    for thread in folder.iterdir():
        try:
            total += int((thread / "schedstat").read_text().split()[1])
        except FileNotFoundError:
            if thread.exists():
                return Missing("waiting for a CPU is not reported: this kernel has no /proc/self/schedstat")
        except (OSError, IndexError, ValueError) as error:
            return Missing(f"waiting for a CPU is not reported: /proc/self/schedstat cannot be read ({error})")
    return total


def _own_thread() -> int:
    import threading

    return threading.get_native_id()


def clock_of_thread(thread: int) -> int:
    """The clock id that reads one thread's CPU time, for time.clock_gettime_ns."""
    # MAKE_THREAD_CPUCLOCK(id, CPUCLOCK_SCHED) of linux/posix-timers_types.h.
    return ((~thread) << 3) | 4 | 2


def _touch(clock: int) -> None:
    try:
        time.clock_gettime_ns(clock)
    except OSError:
        return  # the thread has ended: its time is in the process's sum already
