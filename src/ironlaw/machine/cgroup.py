"""The share of CPU time, and the memory, that a container may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ironlaw.missing import Maybe, Missing

UNLIMITED = "max"


def cpu_max(root: Path = Path("/")) -> Maybe[str]:
    """The tightest CPU quota on this process, as cgroup v2 writes it: "QUOTA PERIOD" in us, or "max PERIOD".

    The group of the process and all its ancestors count; quotas of version 1 are converted to the same form.
    """
    reported = [limit for limit in _limits(root) if limit is not None]
    if not reported:
        return Missing("no cgroup of this process sets a CPU quota")
    return min(reported, key=_cpus)


def quota_cpus(limit: str) -> float:
    """The number of CPUs that a quota corresponds to; infinite without a quota."""
    return _cpus(limit)


def _cpus(limit: str) -> float:
    quota, period = limit.split()
    return float("inf") if quota == UNLIMITED else int(quota) / int(period)


def throttled_ns(root: Path = Path("/")) -> Maybe[int]:
    """How long the groups of this process have been throttled for exceeding their quota, in ns since their creation.

    The longest of all groups, since a parent's quota throttles its children as well. Source:
    Documentation/admin-guide/cgroup-v2.rst of Linux, cpu.stat (throttled_usec; throttled_time in version 1).
    """
    reported = [stopped for _, folder in _groups(root) for stopped in _stopped_ns(folder)]
    return max(reported) if reported else Missing("no cgroup of this process reports how long a quota throttled it")


def _stopped_ns(folder: Path) -> Iterator[int]:
    try:
        rows = (folder / "cpu.stat").read_text().splitlines()
    except OSError:
        return
    for row in rows:
        name, _, value = row.partition(" ")
        if name in _STOPPED:
            yield int(value) * _STOPPED[name]


_STOPPED = {"throttled_usec": 1000, "throttled_time": 1}  # in ns


def memory_left_bytes(root: Path = Path("/")) -> Maybe[int]:
    """The memory that the groups of this process may still take: the smallest of each limit minus memory that is used
    and not reclaimable.

    Version 2 only. Source: Documentation/admin-guide/cgroup-v2.rst of Linux, memory.max, memory.current and
    memory.stat.
    """
    left = [found for version, folder in _groups(root) if version == 2 and (found := _left_bytes(folder)) is not None]
    return min(left) if left else Missing("no cgroup of this process limits its memory")


def _left_bytes(folder: Path) -> int | None:
    try:
        limit, used = (folder / "memory.max").read_text().strip(), int((folder / "memory.current").read_text())
        rows = (folder / "memory.stat").read_text().splitlines()
    except (OSError, ValueError):
        return None
    dropped = next((int(row.split()[1]) for row in rows if row.startswith("inactive_file ")), 0)
    return None if limit == UNLIMITED else max(0, int(limit) - used + dropped)


def _limits(root: Path) -> Iterator[str | None]:
    for version, folder in _groups(root):
        yield _version_2(folder) if version == 2 else _version_1(folder)


def _groups(root: Path) -> Iterator[tuple[int, Path]]:
    """Version and folder of each group that may limit this process's CPU time."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, group = line.split(":", 2)
        if number == "0" and not controllers:
            for folder in _upwards(root / "sys/fs/cgroup", group):
                yield 2, folder
        elif "cpu" in controllers.split(","):
            for mount in ("sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct"):
                for folder in _upwards(root / mount, group):
                    yield 1, folder


def _upwards(mount: Path, group: str) -> Iterator[Path]:
    """The folders of a group and its ancestors, as far as a container sees them."""
    parts = [part for part in group.split("/") if part and part != ".."]
    for depth in range(len(parts), -1, -1):
        yield mount.joinpath(*parts[:depth])


def _version_2(folder: Path) -> str | None:
    try:
        return (folder / "cpu.max").read_text().strip()
    except OSError:
        return None


def _version_1(folder: Path) -> str | None:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        period = int((folder / "cpu.cfs_period_us").read_text())
    except OSError:
        return None
    return f"{UNLIMITED if quota < 0 else quota} {period}"
