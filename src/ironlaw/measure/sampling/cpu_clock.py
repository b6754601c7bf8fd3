"""Samples by the kernel's software clock: perf_event_open with PERF_COUNT_SW_CPU_CLOCK, which needs no PMU."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import platform
import struct
from dataclasses import dataclass

from ironlaw.errors import CounterRefused
from ironlaw.measure.pmu.perf_event import PERF_SYSCALL_NUMBERS

# linux/perf_event.h
_TYPE_SOFTWARE, _COUNT_SW_CPU_CLOCK = 1, 0
_SAMPLE_IP, _SAMPLE_TID, _SAMPLE_TIME = 1 << 0, 1 << 1, 1 << 2
_DISABLED, _EXCLUDE_KERNEL, _EXCLUDE_HV = 1 << 0, 1 << 5, 1 << 6
_ENABLE, _DISABLE = 0x2400, 0x2401
_CLOSE_ON_EXEC = 1 << 3
_ATTR_SIZE = 112
_RECORD_LOST, _RECORD_SAMPLE = 2, 9
_CPUMODE_MASK, _CPUMODE_KERNEL = 7, 1
_DATA_HEAD, _DATA_TAIL = 1024, 1032  # offsets in struct perf_event_mmap_page
_HEADER = struct.Struct("=IHH")
_BODY = struct.Struct("=QIIQ")
_LOST = struct.Struct("=QQ")
# 32 bytes a sample: 64 KiB hold 2047, three seconds at 600 samples a second.
_RING_PAGES = 16


class SamplingRefused(CounterRefused):
    """The kernel does not sample this process; `number` is its errno."""

    def __init__(self, message: str, *, hint: str, number: int) -> None:
        super().__init__(message, hint=hint)
        self.number = number


@dataclass(frozen=True, slots=True)
class Sample:
    """One instruction pointer; `time_ns` on the kernel's own clock."""

    pointer: int
    thread: int
    time_ns: int
    in_kernel: bool


@dataclass(slots=True)
class _Ring:
    fd: int
    memory: mmap.mmap


class CpuClockSampler:
    """Samples every thread of this process that exists when it starts, by its own CPU time."""

    def __init__(self, *, period_ns: int, kernel: bool = True) -> None:
        """`period_ns` of CPU time lie between two samples of a thread; `kernel`: the kernel's code is sampled too."""
        self.period_ns = period_ns
        self.kernel = kernel
        self.lost = 0
        self._rings: dict[int, _Ring] = {}
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall
        self._syscall.restype = ctypes.c_long

    def attach(self) -> None:
        """Open a ring buffer on each thread that has none; those of threads that ended are closed.

        Raises:
            SamplingRefused: the kernel says no.
        """
        threads = {int(name) for name in os.listdir("/proc/self/task")}
        for thread in set(self._rings) - threads:
            self._close(self._rings.pop(thread))
        for thread in sorted(threads - set(self._rings)):
            try:
                self._rings[thread] = self._open(thread)
            except SamplingRefused as refused:
                if refused.number != errno.ESRCH:  # it ended between the listing and the call
                    raise

    def start(self) -> None:
        """Sample from now on."""
        for ring in self._rings.values():
            fcntl.ioctl(ring.fd, _ENABLE, 0)

    def stop(self) -> None:
        """Sample no longer; what was sampled stays in the buffers."""
        for ring in self._rings.values():
            fcntl.ioctl(ring.fd, _DISABLE, 0)

    def take(self) -> list[Sample]:
        """The samples since the last call, thread by thread, and the buffers empty again."""
        return [sample for ring in self._rings.values() for sample in self._drained(ring)]

    def close(self) -> None:
        """Give the buffers back."""
        for ring in self._rings.values():
            self._close(ring)
        self._rings.clear()

    def _open(self, thread: int) -> _Ring:
        number = PERF_SYSCALL_NUMBERS.get(platform.machine())
        if number is None:
            raise _refusal(errno.ENOSYS)
        packed = pack_sampling_attributes(period_ns=self.period_ns, kernel=self.kernel)
        attributes = ctypes.create_string_buffer(packed, _ATTR_SIZE)
        fd = self._syscall(
            ctypes.c_long(number),
            attributes,
            ctypes.c_int(thread),
            ctypes.c_int(-1),
            ctypes.c_int(-1),
            ctypes.c_ulong(_CLOSE_ON_EXEC),
        )
        if fd < 0:
            raise _refusal(ctypes.get_errno())
        try:
            return _Ring(fd, mmap.mmap(fd, (1 + _RING_PAGES) * mmap.PAGESIZE, mmap.MAP_SHARED))
        except OSError as error:
            os.close(fd)
            raise _refusal(error.errno or errno.EPERM) from None

    def _drained(self, ring: _Ring) -> list[Sample]:
        head = struct.unpack_from("=Q", ring.memory, _DATA_HEAD)[0]
        tail = struct.unpack_from("=Q", ring.memory, _DATA_TAIL)[0]
        samples, lost = decode_ring(ring.memory[mmap.PAGESIZE :], tail=tail, head=head)
        self.lost += lost
        struct.pack_into("=Q", ring.memory, _DATA_TAIL, head)
        return samples

    @staticmethod
    def _close(ring: _Ring) -> None:
        ring.memory.close()
        os.close(ring.fd)


def pack_sampling_attributes(*, period_ns: int, kernel: bool) -> bytes:
    """struct perf_event_attr of linux/perf_event.h: the software CPU clock, one record every `period_ns`."""
    bits = _DISABLED | _EXCLUDE_HV | (0 if kernel else _EXCLUDE_KERNEL)
    wanted = _SAMPLE_IP | _SAMPLE_TID | _SAMPLE_TIME
    head = struct.pack("=IIQQQQQ", _TYPE_SOFTWARE, _ATTR_SIZE, _COUNT_SW_CPU_CLOCK, period_ns, wanted, 0, bits)
    return head.ljust(_ATTR_SIZE, b"\0")


def decode_ring(data: bytes, *, tail: int, head: int) -> tuple[list[Sample], int]:
    """The samples between two positions of a ring buffer, and how many the kernel says it dropped.

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
            pointer, _, thread, time_ns = _BODY.unpack_from(unrolled, at + _HEADER.size)
            samples.append(Sample(pointer, thread, time_ns, (misc & _CPUMODE_MASK) == _CPUMODE_KERNEL))
        elif kind == _RECORD_LOST and extent >= _HEADER.size + _LOST.size:
            lost += _LOST.unpack_from(unrolled, at + _HEADER.size)[1]
        at += extent
    return samples, lost


def _refusal(number: int) -> SamplingRefused:
    name = errno.errorcode.get(number, str(number))
    return SamplingRefused(
        f"the kernel refused to sample by its CPU clock ({name})",
        hint="sysctl kernel.perf_event_paranoid=2 (docker run --cap-add PERFMON --security-opt seccomp=unconfined)",
        number=number,
    )
