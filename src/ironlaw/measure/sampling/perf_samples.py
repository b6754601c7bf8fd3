"""Samples by perf_event_open: of the kernel's software CPU clock, which needs no PMU, or of the PMU's cycles."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import platform
import struct
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from ironlaw.code import SampledBy
from ironlaw.errors import CounterRefused
from ironlaw.machine.cpu_list import parse_cpu_list
from ironlaw.measure.pmu.perf_event import PERF_SYSCALL_NUMBERS

# linux/perf_event.h
_EVENTS = {SampledBy.CPU_CLOCK: (1, 0), SampledBy.CYCLES: (0, 0)}  # type and config: SOFTWARE, HARDWARE
_SAMPLE_IP, _SAMPLE_TID, _SAMPLE_TIME, _SAMPLE_STACK_USER = 1 << 0, 1 << 1, 1 << 2, 1 << 13
_DISABLED, _INHERIT, _EXCLUDE_KERNEL, _EXCLUDE_HV, _USE_CLOCKID = 1 << 0, 1 << 1, 1 << 5, 1 << 6, 1 << 25
_STACK_USER_AT = 88  # offset of perf_event_attr.sample_stack_user, with clockid after it
_CLOCK_MONOTONIC = 1  # linux/time.h
_ENABLE, _DISABLE, _SET_OUTPUT = 0x2400, 0x2401, 0x2405
_CLOSE_ON_EXEC = 1 << 3
_ATTR_SIZE = 112
_RECORD_LOST, _RECORD_SAMPLE = 2, 9
_CPUMODE_MASK, _CPUMODE_KERNEL = 7, 1
_DATA_HEAD, _DATA_TAIL = 1024, 1032  # offsets in struct perf_event_mmap_page
_HEADER = struct.Struct("=IHH")
_BODY = struct.Struct("=QIIQ")
_LENGTH = struct.Struct("=Q")
_LOST = struct.Struct("=QQ")
# A sample takes 32 bytes: 64 pages of 4 KiB hold 8191, 24 s of a CPU at 333 a second. Less where the memory that an
# ordinary user may lock for this (kernel.perf_event_mlock_kb) is taken.
_RING_PAGES = (64, 16, 4)
_STACK_RING_PAGES = (1024, 64, 16)  # with 8 KiB of its stack, a sample takes two
# File descriptors: one for each thread and CPU. With more, threads that start while sampling are not sampled.
_MOST_EVENTS = 256
_ANY_CPU = -1
_ONLINE_CPUS = Path("/sys/devices/system/cpu/online")
_TRIAL_CYCLES, _TRIAL_NS = 100_003, 2_000_000


class SamplingRefused(CounterRefused):
    """The kernel does not sample this process; `number` is its errno."""

    def __init__(self, message: str, *, hint: str, number: int) -> None:
        super().__init__(message, hint=hint)
        self.number = number


@dataclass(frozen=True, slots=True)
class Sample:
    """One instruction pointer; `time_ns` on CLOCK_MONOTONIC, which is Python's perf_counter_ns; 0: not known."""

    pointer: int
    thread: int
    time_ns: int
    in_kernel: bool
    stack: bytes = b""  # of the thread in user mode, from the word pushed last on, where it was requested


@dataclass(slots=True)
class _Ring:
    event: int  # whose buffer it is
    memory: mmap.mmap


class PerfSampler:
    """Samples every thread of this process, each by its own CPU time, and threads that start while it samples.

    Each thread has an event for each CPU: only such events pass to the threads that a thread starts. Where that takes
    too many it has one for each CPU that it may run on now, although an engine may pin it elsewhere for an inference.
    All events of a CPU write into one buffer.
    """

    def __init__(
        self,
        *,
        period_ns: int,
        kernel: bool = True,
        by: SampledBy = SampledBy.CPU_CLOCK,
        cycles: int = 0,
        stack_bytes: int = 0,
    ) -> None:
        """`period_ns` of CPU time lie between two samples of a thread; `kernel`: the kernel's code is sampled too.

        By CYCLES, `cycles` lie between two samples, which is about `period_ns`. Each sample has that much of its
        thread's stack, a multiple of 8 bytes.
        """
        self.period_ns = period_ns
        self.kernel = kernel
        self.by = by
        self.lost = 0
        self.threads: frozenset[int] = frozenset()
        self.inherits = True
        self._period = cycles if by is SampledBy.CYCLES else period_ns
        self._stack_bytes = stack_bytes
        self._events: list[int] = []
        self._rings: dict[int, _Ring] = {}  # by CPU, or by thread where events are of any CPU
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall
        self._syscall.restype = ctypes.c_long

    def attach(self) -> None:
        """Open events and buffers for the threads that exist.

        Raises:
            SamplingRefused: the kernel says no.
        """
        self.close()
        self.lost = 0
        try:
            self._attach(_threads())
        except SamplingRefused:
            self.close()
            raise

    def _attach(self, threads: dict[int, set[int]]) -> None:
        everywhere = {thread: cpus | _online_cpus() for thread, cpus in threads.items()}
        if sum(map(len, everywhere.values())) <= _MOST_EVENTS:
            threads = everywhere
        self.inherits = sum(len(cpus) for cpus in threads.values()) <= _MOST_EVENTS
        attached = set()
        for thread, cpus in threads.items():
            try:
                for cpu in sorted(cpus) if self.inherits else (_ANY_CPU,):
                    self._open(thread, cpu)
            except SamplingRefused as refused:
                if refused.number != errno.ESRCH:  # it ended between the listing and the call
                    raise
            else:
                attached.add(thread)
        self.threads = frozenset(attached)

    def start(self) -> None:
        """Sample from now on."""
        for event in self._events:
            fcntl.ioctl(event, _ENABLE, 0)

    def stop(self) -> None:
        """Sample no longer; what was sampled stays in the buffers."""
        for event in self._events:
            fcntl.ioctl(event, _DISABLE, 0)

    def take(self) -> list[Sample]:
        """The samples since the last call, buffer by buffer, and the buffers empty again."""
        return [sample for ring in self._rings.values() for sample in self._drained(ring)]

    def close(self) -> None:
        """Give events and buffers back."""
        for ring in self._rings.values():
            ring.memory.close()
        for event in self._events:
            os.close(event)
        self._rings.clear()
        self._events.clear()

    def _open(self, thread: int, cpu: int) -> None:
        number = PERF_SYSCALL_NUMBERS.get(platform.machine())
        if number is None:
            raise _refusal(errno.ENOSYS, self.by)
        packed = pack_sampling_attributes(
            period=self._period,
            kernel=self.kernel,
            by=self.by,
            inherit=cpu != _ANY_CPU,
            stack_bytes=self._stack_bytes,
        )
        event = self._syscall(
            ctypes.c_long(number),
            ctypes.create_string_buffer(packed, _ATTR_SIZE),
            ctypes.c_int(thread),
            ctypes.c_int(cpu),
            ctypes.c_int(-1),
            ctypes.c_ulong(_CLOSE_ON_EXEC),
        )
        if event < 0:
            raise _refusal(ctypes.get_errno(), self.by)
        self._events.append(event)
        shared = thread if cpu == _ANY_CPU else cpu
        if shared in self._rings:
            fcntl.ioctl(event, _SET_OUTPUT, self._rings[shared].event)
        else:
            self._rings[shared] = _Ring(event, self._mapped(event))

    def _mapped(self, event: int) -> mmap.mmap:
        for pages in _STACK_RING_PAGES if self._stack_bytes else _RING_PAGES:
            try:
                return mmap.mmap(event, (1 + pages) * mmap.PAGESIZE, mmap.MAP_SHARED)
            except OSError as error:
                number = error.errno or errno.EPERM
        raise _refusal(number, self.by)

    def _drained(self, ring: _Ring) -> list[Sample]:
        head = struct.unpack_from("=Q", ring.memory, _DATA_HEAD)[0]
        tail = struct.unpack_from("=Q", ring.memory, _DATA_TAIL)[0]
        samples, lost = decode_ring(ring.memory[mmap.PAGESIZE :], tail=tail, head=head, process=os.getpid())
        self.lost += lost
        struct.pack_into("=Q", ring.memory, _DATA_TAIL, head)
        return samples


def cycles_per_ns(*, kernel: bool) -> float:
    """The clock of the CPU this thread is on, by samples of its cycles while it is busy.

    Raises:
        SamplingRefused: there is no PMU, or one that counts and never interrupts: it gives no samples.
    """
    sampler = PerfSampler(period_ns=_TRIAL_NS, kernel=kernel, by=SampledBy.CYCLES, cycles=_TRIAL_CYCLES)
    sampler.attach()
    try:
        sampler.start()
        began_ns = time.thread_time_ns()
        while (spent_ns := time.thread_time_ns() - began_ns) < _TRIAL_NS:
            pass
        sampler.stop()
        own = threading.get_native_id()
        taken = sum(sample.thread == own for sample in sampler.take())
    finally:
        sampler.close()
    if not taken:
        raise _refusal(errno.ENODATA, SampledBy.CYCLES)
    return taken * _TRIAL_CYCLES / spent_ns


def _online_cpus() -> set[int]:
    """The numbers of the CPUs that are online; none where the kernel does not list them."""
    try:
        return set(parse_cpu_list(_ONLINE_CPUS.read_text()))
    except (OSError, ValueError):
        return set()


def _threads() -> dict[int, set[int]]:
    """The threads of this process, each with the CPUs it may run on."""
    found: dict[int, set[int]] = {}
    for name in os.listdir("/proc/self/task"):
        try:
            found[int(name)] = os.sched_getaffinity(int(name))
        except ProcessLookupError:  # it has ended
            continue
    return dict(sorted(found.items()))


def pack_sampling_attributes(*, period: int, kernel: bool, by: SampledBy, inherit: bool, stack_bytes: int = 0) -> bytes:
    """struct perf_event_attr of linux/perf_event.h: one record every `period`, in ns of the CPU clock or in cycles."""
    kind, config = _EVENTS[by]
    bits = _DISABLED | _EXCLUDE_HV | _USE_CLOCKID | (0 if kernel else _EXCLUDE_KERNEL) | (_INHERIT if inherit else 0)
    wanted = _SAMPLE_IP | _SAMPLE_TID | _SAMPLE_TIME | (_SAMPLE_STACK_USER if stack_bytes else 0)
    head = struct.pack("=IIQQQQQ", kind, _ATTR_SIZE, config, period, wanted, 0, bits)
    clock = head.ljust(_STACK_USER_AT, b"\0") + struct.pack("=Ii", stack_bytes, _CLOCK_MONOTONIC)
    return clock.ljust(_ATTR_SIZE, b"\0")


def decode_ring(data: bytes, *, tail: int, head: int, process: int) -> tuple[list[Sample], int]:
    """The samples of a process between two positions of a ring buffer, and how many the kernel says it dropped.

    Positions count bytes since the buffer was made; records may wrap around its end.
    """
    size = len(data)
    length = min(head - tail, size)
    begin = tail % size
    unrolled = (data[begin:] + data[:begin])[:length]
    samples: list[Sample] = []
    lost = 0
    at = 0
    while at + _HEADER.size <= length:
        kind, misc, extent = _HEADER.unpack_from(unrolled, at)
        if extent < _HEADER.size or at + extent > length:
            break
        if kind == _RECORD_SAMPLE and extent >= _HEADER.size + _BODY.size:
            pointer, owner, thread, time_ns = _BODY.unpack_from(unrolled, at + _HEADER.size)
            if owner == process:  # events pass to processes that are forked, too
                stack = _stack(unrolled[at + _HEADER.size + _BODY.size : at + extent])
                samples.append(Sample(pointer, thread, time_ns, (misc & _CPUMODE_MASK) == _CPUMODE_KERNEL, stack))
        elif kind == _RECORD_LOST and extent >= _HEADER.size + _LOST.size:
            lost += _LOST.unpack_from(unrolled, at + _HEADER.size)[1]
        at += extent
    return samples, lost


def _stack(rest: bytes) -> bytes:
    """The stack after the body of a record: its size, as many bytes, and how many of them are valid."""
    if len(rest) < _LENGTH.size:
        return b""
    size = _LENGTH.unpack_from(rest)[0]
    if len(rest) < size + 2 * _LENGTH.size:
        return b""
    return rest[_LENGTH.size :][: min(size, _LENGTH.unpack_from(rest, _LENGTH.size + size)[0])]


def _refusal(number: int, by: SampledBy) -> SamplingRefused:
    name = errno.errorcode.get(number, str(number))
    return SamplingRefused(
        f"the kernel refused to sample by {by.value} ({name})",
        hint="sysctl kernel.perf_event_paranoid=2 (docker run --cap-add PERFMON --security-opt seccomp=unconfined)",
        number=number,
    )
