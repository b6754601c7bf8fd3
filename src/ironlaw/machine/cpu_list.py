"""Lists of CPUs as the kernel prints them."""

from __future__ import annotations


def parse_cpu_list(text: str) -> frozenset[int]:
    """The CPUs in a list as the kernel prints it: 0-3,8."""
    cpus: set[int] = set()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        cpus.update(range(int(first), int(last or first) + 1))
    return frozenset(cpus)
