"""The share of CPU time that a container may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ironlaw.missing import Maybe, Missing

UNLIMITED = "max"


def cpu_max(root: Path = Path("/")) -> Maybe[str]:
    """The tightest CPU quota on this process, as cgroup v2 writes it: "QUOTA PERIOD" in us, or "max PERIOD".

    The group of the process and all groups above it count; version 1 is put in the same words.
    """
    told = [limit for limit in _limits(root) if limit is not None]
    if not told:
        return Missing("no cgroup of this process tells a CPU quota")
    return min(told, key=_cpus)


def quota_cpus(limit: str) -> float:
    """How many CPUs' worth of time a quota gives; infinite without one."""
    return _cpus(limit)


def _cpus(limit: str) -> float:
    quota, period = limit.split()
    return float("inf") if quota == UNLIMITED else int(quota) / int(period)


def _limits(root: Path) -> Iterator[str | None]:
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, group = line.split(":", 2)
        if number == "0" and not controllers:
            for folder in _upwards(root / "sys/fs/cgroup", group):
                yield _version_2(folder)
        elif "cpu" in controllers.split(","):
            for mount in ("sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct"):
                for folder in _upwards(root / mount, group):
                    yield _version_1(folder)


def _upwards(mount: Path, group: str) -> Iterator[Path]:
    """The folder of a group and of each group above it, as far as a container can see them."""
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
