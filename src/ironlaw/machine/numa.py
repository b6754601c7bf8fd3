"""Which CPUs share a NUMA node: a page is allocated near the CPU that first writes to it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def neighbours(cpus: Iterable[int], root: Path = Path("/")) -> tuple[int, ...]:
    """All CPUs of the NUMA node that holds these CPUs; only these CPUs if there is none or it is unknown.

    Source: Documentation/ABI/stable/sysfs-devices-node of Linux, cpulist.
    """
    own = set(cpus)
    for path in (root / "sys/devices/system/node").glob("node[0-9]*/cpulist"):
        try:
            node = _cpus(path.read_text())
        except (OSError, ValueError):
            continue
        if own <= node:
            return tuple(sorted(node))
    return tuple(sorted(own))


def _cpus(listed: str) -> set[int]:
    """The CPUs of a list such as 0-3,8."""
    found: set[int] = set()
    for part in filter(None, listed.strip().split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found
