"""Samples where perf_event_open is refused: a timer on each thread's CPU time, whose signal handler stores the pointer.

The handler is machine code: it runs in whatever thread and at whatever instruction the timer expired, where no Python
may run. The kernel looks at CPU-time timers at its tick only, so that no more than its tick rate (100 to 1000 a second)
is reached, and code in the kernel is not seen.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import signal
import struct
from dataclasses import dataclass

from ironlaw.machine.process_clock import list_threads
from ironlaw.measure.pmu.known_loop import map_executable
from ironlaw.measure.sampling.perf_samples import Sample, SamplingRefused
from ironlaw.signal_action import SA_RESTART, SA_SIGINFO, SignalAction

SIGNAL = signal.SIGPROF  # what profilers use, and programs that are measured do not
_CAPACITY = 4096  # samples a thread and turn
_COUNT = 0  # offset in a thread's buffer; after it the limit, one spare word, and the samples
_FIRST = 24

# void handler(int, siginfo_t *info, void *context): appends the interrupted pc to the buffer that
# info->si_value.sival_ptr points to (offset 24 of a timer's siginfo_t) and counts it, also where there is no more room.
# The pc lies in ucontext_t at 168 on x86-64 (40 bytes, then register 16 of 8 bytes each), at 440 on aarch64 (176 bytes,
# fault address, 31 registers, sp).
_HANDLERS = {
    # mov rax,[rsi+24]; mov rcx,[rax]; cmp rcx,[rax+8]; jae count; mov r9,[rdx+168]; mov [rax+rcx*8+24],r9; count:
    # inc qword [rax]; ret
    "x86_64": bytes.fromhex("488b4618 488b08 483b4808 730c 4c8b8aa8000000 4c894cc818 48ff00 c3"),
    # ldr x3,[x1,#24]; ldr x4,[x3]; ldr x5,[x3,#8]; cmp x4,x5; b.hs count; ldr x6,[x2,#440]; add x7,x3,x4,lsl #3;
    # str x6,[x7,#24]; count: add x4,x4,#1; str x4,[x3]; ret
    "aarch64": b"".join(
        struct.pack("<I", word)
        for word in (
            0xF9400C23, 0xF9400064, 0xF9400465, 0xEB05009F, 0x54000082, 0xF940DC46, 0x8B040C67, 0xF9000CE6,
            0x91000484, 0xF9000064, 0xD65F03C0,
        )
    ),
}  # fmt: skip

_SIGEV_THREAD_ID = 4
_CPU_CLOCK_OF_THREAD = 6  # CPUCLOCK_SCHED | CPUCLOCK_PERTHREAD_MASK, linux/posix-timers.h


@dataclass(slots=True)
class _Timer:
    number: int
    buffer: mmap.mmap


class TimerSampler:
    """Samples every thread of this process that exists when it attaches, each by its own CPU time."""

    kernel = False
    inherits = False  # a timer is of one thread

    def __init__(self, *, period_ns: int) -> None:
        """`period_ns` of CPU time lie between two samples of a thread, or the kernel's tick where that is longer.

        Raises:
            SamplingRefused: there is no handler for this machine, or its code cannot be mapped.
        """
        self.period_ns = period_ns
        self.lost = 0
        self.threads: frozenset[int] = frozenset()
        self._timers: dict[int, _Timer] = {}
        self._before = SignalAction()
        self._installed = False
        self._libc = ctypes.CDLL(None, use_errno=True)
        code = _HANDLERS.get(platform.machine())
        if code is None:
            raise SamplingRefused(f"there is no handler for {platform.machine()}", hint="", number=0)
        try:
            self._handler = map_executable(code)
        except OSError as error:
            raise SamplingRefused(
                f"the handler cannot be mapped executable: {error.strerror}", hint="", number=error.errno or 0
            ) from None

    def attach(self) -> None:
        """Make a timer for each thread that exists.

        Raises:
            SamplingRefused: the kernel says no.
        """
        self.close()
        self.lost = 0
        self._install()
        for thread in list_threads():
            try:
                self._timers[thread] = self._create(thread)
            except SamplingRefused as refused:
                if refused.number != errno.EINVAL:  # no such thread: it ended between the listing and the call
                    self.close()
                    raise
        self.threads = frozenset(self._timers)

    def start(self) -> None:
        """Sample from now on."""
        self._set(self.period_ns)

    def stop(self) -> None:
        """Sample no longer."""
        self._set(0)

    def take(self) -> list[Sample]:
        """The samples since the last call, thread by thread, and the buffers empty again."""
        samples = []
        for thread, timer in self._timers.items():
            count = struct.unpack_from("=Q", timer.buffer, _COUNT)[0]
            kept = min(count, _CAPACITY)
            self.lost += count - kept
            for pointer in struct.unpack_from(f"={kept}Q", timer.buffer, _FIRST):
                samples.append(Sample(pointer, thread, 0, in_kernel=False))
            struct.pack_into("=Q", timer.buffer, _COUNT, 0)
        return samples

    def close(self) -> None:
        """Delete the timers and put the signal's handler back. Buffers stay: a last signal may still be on its way."""
        for timer in self._timers.values():
            self._delete(timer)
        self._timers.clear()
        if self._installed:
            # A last signal may still be on its way, and would end the process by default.
            ignored = SignalAction(handler=int(signal.SIG_IGN))
            restored = self._before if self._before.handler else ignored
            self._libc.sigaction(int(SIGNAL), ctypes.byref(restored), None)
            self._installed = False

    def _install(self) -> None:
        if self._installed:
            return
        action = SignalAction(handler=self._handler, flags=SA_SIGINFO | SA_RESTART)
        if self._libc.sigaction(int(SIGNAL), ctypes.byref(action), ctypes.byref(self._before)) != 0:
            raise self._refusal("sigaction")
        self._installed = True

    def _create(self, thread: int) -> _Timer:
        buffer = mmap.mmap(-1, _FIRST + 8 * _CAPACITY)
        struct.pack_into("=QQ", buffer, _COUNT, 0, _CAPACITY)
        _KEPT.append(buffer)
        address = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
        # struct sigevent: the value, the signal, how to notify, and the thread; 64 bytes.
        event = struct.pack("=Qiii", address, int(SIGNAL), _SIGEV_THREAD_ID, thread).ljust(64, b"\0")
        number = ctypes.c_void_p()
        clock = ctypes.c_int((~thread << 3) | _CPU_CLOCK_OF_THREAD)
        if self._libc.timer_create(clock, event, ctypes.byref(number)) != 0:
            raise self._refusal("timer_create")
        return _Timer(number.value or 0, buffer)

    def _set(self, period_ns: int) -> None:
        interval = struct.pack("=qqqq", *divmod(period_ns, 1_000_000_000), *divmod(period_ns, 1_000_000_000))
        for timer in self._timers.values():
            failed = self._libc.timer_settime(ctypes.c_void_p(timer.number), 0, interval, None) != 0
            if failed and ctypes.get_errno() != errno.ESRCH:  # its thread ended: nothing is left to sample
                raise self._refusal("timer_settime")

    def _delete(self, timer: _Timer) -> None:
        self._libc.timer_delete(ctypes.c_void_p(timer.number))

    @staticmethod
    def _refusal(call: str) -> SamplingRefused:
        number = ctypes.get_errno()
        return SamplingRefused(
            f"{call} failed: {os.strerror(number)}", hint="ulimit -i: too many timers?", number=number
        )


_KEPT: list[mmap.mmap] = []  # a signal that is still on its way writes into its buffer
