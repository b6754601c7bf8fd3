"""perf_event_open through ctypes: opening, switching and reading hardware and software counters of one thread."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ironlaw.errors import CounterRefused
from ironlaw.event import Event, Mode, Source
from ironlaw.machine.cpu_list import parse_cpu_list
from ironlaw.missing import Maybe, Missing, Remedy, is_known

# __NR_perf_event_open: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h.
PERF_SYSCALL_NUMBERS = {"x86_64": 298, "aarch64": 241, "riscv64": 241}

# linux/perf_event.h: attr.read_format, bits of attr, ioctls, flags of the call.
_FORMAT = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3  # TOTAL_TIME_ENABLED, TOTAL_TIME_RUNNING, ID, GROUP
_DISABLED, _PINNED, _EXCLUDE_USER, _EXCLUDE_KERNEL, _EXCLUDE_HV = 1 << 0, 1 << 2, 1 << 4, 1 << 5, 1 << 6
_ENABLE, _DISABLE, _GET_ID = 0x2400, 0x2401, 0x80082407
_ONE_PMU = 0
_CLOSE_ON_EXEC = 1 << 3
_ATTR_SIZE = 112  # PERF_ATTR_SIZE_VER5, of Linux 4.1

_CAP_SYS_ADMIN, _CAP_PERFMON = 21, 38  # linux/capability.h


@dataclass(frozen=True, slots=True)
class Opened:
    """A counter that the kernel opened: its file descriptor and the id under which a group's reading names it."""

    fd: int
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReading:
    """What a group counted since it was opened: times in ns, values by id."""

    enabled_ns: int
    running_ns: int
    values: dict[int, int]


class EventRefused(CounterRefused):
    """The kernel did not open a counter; `number` is its errno, `remedy` what would let it."""

    def __init__(self, message: str, *, hint: str, number: int, remedy: Remedy | None = None) -> None:
        super().__init__(message, hint=hint)
        self.number = number
        self.remedy = remedy

    @property
    def one_line(self) -> str:
        """What happened and what to do, on one line."""
        return f"{self.message}; {self.hint}"


class Kernel(Protocol):
    """What is asked of the kernel: the real one, or a scripted one that imitates a stated PMU."""

    def open(self, event: Event, *, thread: int, leader: int) -> Opened:
        """Open a counter on a thread of this process; `leader` is the first of its group, -1 for the first itself.

        Raises:
            EventRefused: the kernel says no.
        """

    def enable(self, leader: int) -> None:
        """Let the whole group count."""

    def disable(self, leader: int) -> None:
        """Stop the whole group."""

    def read(self, leader: int, members: int) -> Maybe[GroupReading]:
        """What a group of that many members counted; a gap when the kernel found no room for it on the PMU."""

    def snapshot(self, leader: int, members: int) -> bytes:
        """The same reading undecoded: the cheapest way to read. See decode_group."""

    def close(self, fd: int) -> None:
        """Give the counter back."""


class SyscallKernel:
    """The kernel this process runs on.

    A group's first member is pinned: it is on the PMU whenever its thread runs, or not at all. The kernel
    never time-shares it, so there is nothing to scale.
    """

    def __init__(self, pmu_type: Maybe[int] | None = None) -> None:
        """`pmu_type` is the kernel's number of the cores' PMU; read from /sys for the allowed CPUs unless given."""
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall
        self._syscall.restype = ctypes.c_long
        self._pmu_type = core_pmu_type(frozenset(os.sched_getaffinity(0))) if pmu_type is None else pmu_type

    def open(self, event: Event, *, thread: int, leader: int) -> Opened:
        """Open a counter on a thread of this process, whatever CPU it is on."""
        number = PERF_SYSCALL_NUMBERS.get(platform.machine())
        if number is None:
            raise refusal(event, errno.ENOSYS)
        packed = pack_attributes(event, is_leader=leader == -1, pmu_type=self._type_for(event))
        attributes = ctypes.create_string_buffer(packed, _ATTR_SIZE)
        fd = self._syscall(
            ctypes.c_long(number),
            attributes,
            ctypes.c_int(thread),
            ctypes.c_int(-1),
            ctypes.c_int(leader),
            ctypes.c_ulong(_CLOSE_ON_EXEC),
        )
        if fd < 0:
            raise refusal(event, ctypes.get_errno())
        return Opened(fd, struct.unpack("=Q", fcntl.ioctl(fd, _GET_ID, bytes(8)))[0])

    def _type_for(self, event: Event) -> int:
        if event.source is Source.SOFTWARE:
            return _ONE_PMU
        if isinstance(self._pmu_type, Missing):
            raise EventRefused(
                f"{event} cannot be counted: {self._pmu_type.reason}",
                hint="pin to CPUs of one kind: taskset -c 0-3 ironlaw run ... (lscpu -e shows the kinds)",
                number=errno.ENODEV,
            )
        return self._pmu_type

    # Only the leader is switched. Its members are never off by themselves, so they come and go with it at once;
    # PERF_IOC_FLAG_GROUP would switch one after the other, and each would count the switching of the next.
    def enable(self, leader: int) -> None:
        """Let the whole group count."""
        fcntl.ioctl(leader, _ENABLE, 0)

    def disable(self, leader: int) -> None:
        """Stop the whole group."""
        fcntl.ioctl(leader, _DISABLE, 0)

    def read(self, leader: int, members: int) -> Maybe[GroupReading]:
        """What the group counted."""
        return decode_group(self.snapshot(leader, members))

    def snapshot(self, leader: int, members: int) -> bytes:
        """The same reading undecoded."""
        return os.read(leader, 24 + 16 * members)

    def close(self, fd: int) -> None:
        """Give the counter back."""
        os.close(fd)


def decode_group(data: bytes) -> Maybe[GroupReading]:
    """What a group counted; the kernel answers with an empty read when a pinned group had no room.

    An answer of another length than it states is a gap: which counter its numbers belong to is not known.
    """
    if not data:
        return Missing("the PMU had no room for the group: something else holds its counters", Remedy.FREE_PMU)
    whole, rest = divmod(len(data), 8)
    numbers = struct.unpack(f"={whole}Q", data[: 8 * whole])
    if rest or whole < 3 or whole != 3 + 2 * numbers[0]:
        return Missing(f"the kernel answered with {len(data)} bytes, which are no whole group")
    count, enabled_ns, running_ns, *pairs = numbers
    values = {pairs[2 * i + 1]: pairs[2 * i] for i in range(count)}
    return GroupReading(enabled_ns=enabled_ns, running_ns=running_ns, values=values)


def pack_attributes(event: Event, *, is_leader: bool, pmu_type: int = 0) -> bytes:
    """struct perf_event_attr of linux/perf_event.h for an event: counting, not sampling; off until enabled.

    `pmu_type` names the PMU on machines whose cores are of several kinds; 0 where there is only one.
    """
    bits = _EXCLUDE_HV
    if is_leader:
        bits |= _DISABLED | _PINNED
    if event.mode is Mode.USER:
        bits |= _EXCLUDE_KERNEL
    if event.mode is Mode.KERNEL:
        bits |= _EXCLUDE_USER
    kind, config = event.source.value, event.config
    if pmu_type and event.source is Source.RAW:
        kind = pmu_type
    elif pmu_type:
        config |= pmu_type << 32  # PERF_PMU_TYPE_SHIFT, since Linux 5.13
    # type, size, config, sample_period, sample_type, read_format, flags; the rest stays zero
    head = struct.pack("=IIQQQQQ", kind, _ATTR_SIZE, config, 0, 0, _FORMAT, bits)
    return head.ljust(_ATTR_SIZE, b"\0")


def core_pmu_type(cpus: frozenset[int], root: Path = Path("/")) -> Maybe[int]:
    """The number of the PMU that all of these CPUs have; 0 when all cores of the machine are of one kind.

    Missing when the CPUs are of several kinds (performance and efficiency cores, big.LITTLE): each kind then counts
    with a PMU of its own, and a thread that moves between them would be counted in part.
    """
    kinds: list[tuple[int, frozenset[int]]] = []
    for folder in sorted((root / "sys/bus/event_source/devices").glob("*")):
        if folder.name.startswith(("cpu_", "armv8", "armv9", "apple_")) and (folder / "cpus").exists():
            covered = parse_cpu_list((folder / "cpus").read_text())
            kinds.append((int((folder / "type").read_text()), covered))
    if len(kinds) <= 1:
        return _ONE_PMU
    for number, covered in kinds:
        if cpus <= covered:
            return number
    return Missing("the allowed CPUs are of several kinds, and each kind counts apart")


def refusal(event: Event, number: int, root: Path = Path("/")) -> EventRefused:
    """Why the kernel refused an event, in words, with what brings it back."""
    name = "EOPNOTSUPP" if number == errno.EOPNOTSUPP else errno.errorcode.get(number, str(number))
    remedy = _REMEDIES.get(number)
    if number in (errno.EACCES, errno.EPERM):
        what, hint, remedy = _not_permitted(root)
    else:
        what, hint = _REFUSALS.get(number, ("the kernel gives no reason", "see man perf_event_open"))
    return EventRefused(f"the kernel refused {event} ({name}): {what}", hint=hint, number=number, remedy=remedy)


_NO_PMU_HINT = "use bare metal, or a virtual machine type that exposes the PMU"
_REFUSALS: dict[int, tuple[str, str]] = {
    errno.ENOENT: ("this CPU, or the hypervisor above it, does not expose the event", _NO_PMU_HINT),
    errno.EOPNOTSUPP: ("this CPU, or the hypervisor above it, cannot count it in that mode", _NO_PMU_HINT),
    errno.ENODEV: ("this machine exposes no PMU that has it", _NO_PMU_HINT),
    errno.EINVAL: ("the group does not fit the PMU", "count fewer events at a time"),
    errno.EMFILE: ("too many files are open", "ulimit -n 65536"),
    errno.ENFILE: ("too many files are open in the whole system", "sudo sysctl fs.file-max=1000000"),
    errno.EBUSY: ("another process holds the PMU for itself", "end other profilers (perf, VTune, the NMI watchdog)"),
    errno.ENOSPC: ("the PMU has no free counter", "end other profilers; sudo sysctl kernel.nmi_watchdog=0"),
    errno.ESRCH: ("the thread has ended", "nothing to do: the next turn counts the threads that exist then"),
    errno.E2BIG: ("this kernel is older than Linux 4.1", "use a newer kernel"),
    errno.ENOSYS: (
        "perf_event_open does not exist here (a sandbox, or a kernel without perf events)",
        "run outside the sandbox (docker: --runtime=runc --security-opt seccomp=unconfined)",
    ),
}

_REMEDIES = {
    errno.ENOENT: Remedy.EXPOSE_PMU,
    errno.EOPNOTSUPP: Remedy.EXPOSE_PMU,
    errno.ENODEV: Remedy.EXPOSE_PMU,
    errno.EBUSY: Remedy.FREE_PMU,
    errno.ENOSPC: Remedy.FREE_PMU,
}


def _not_permitted(root: Path) -> tuple[str, str, Remedy]:
    paranoid, capable, filtered = _paranoid(root), _may_profile(root), _has_seccomp_filter(root)
    if is_known(paranoid) and paranoid >= 2 and not capable:
        wanted = "kernel.perf_event_paranoid=1"
        hint = f"sudo sysctl {wanted} (a container: on its host), or run as root"
        return f"perf_event_paranoid is {paranoid}", hint, Remedy.ALLOW_COUNTING
    if filtered:
        return (
            "a seccomp filter forbids it, as containers do by default",
            "docker run --cap-add PERFMON --security-opt seccomp=unconfined",
            Remedy.GRANT_COUNTING,
        )
    return "not permitted", "run as root, or with CAP_PERFMON", Remedy.GRANT_COUNTING


def _paranoid(root: Path) -> Maybe[int]:
    try:
        return int((root / "proc/sys/kernel/perf_event_paranoid").read_text())
    except OSError:
        return Missing("/proc/sys/kernel/perf_event_paranoid cannot be read")


def _may_profile(root: Path) -> bool:
    effective = int(_status(root).get("CapEff", "0"), 16)
    return bool(effective & (1 << _CAP_SYS_ADMIN | 1 << _CAP_PERFMON))


def _has_seccomp_filter(root: Path) -> bool:
    return _status(root).get("Seccomp") == "2"


def _status(root: Path) -> dict[str, str]:
    try:
        lines = (root / "proc/self/status").read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
