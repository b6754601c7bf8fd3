"""Which CPUs share a NUMA node: a page is allocated near the CPU that first writes to it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ironlaw.machine.cpu_list import parse_cpu_list


def neighbours(cpus: Iterable[int], root: Path = Path("/")) -> tuple[int, ...]:
    """All CPUs of the NUMA node that holds these CPUs; only these CPUs if there is none or it is unknown.

    Source: Documentation/ABI/stable/sysfs-devices-node of Linux, cpulist.
    """
    own = set(cpus)
    for path in (root / "sys/devices/system/node").glob("node[0-9]*/cpulist"):
        try:
            node = parse_cpu_list(path.read_text())
        except (OSError, ValueError):
            continue
        if own <= node:
            return tuple(sorted(node))
    return tuple(sorted(own))
