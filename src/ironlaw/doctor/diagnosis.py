"""The diagnosis: what limits measuring on this machine, what each limitation costs, and how to fix it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ironlaw.doctor import findings
from ironlaw.doctor.finding import Finding
from ironlaw.fact import CounterCheck
from ironlaw.machine import Machine
from ironlaw.machine.cpu_list import parse_cpu_list
from ironlaw.machine.free_memory import available_bytes, scattered_bytes
from ironlaw.machine.torch_probe import TorchProbe
from ironlaw.missing import Maybe, Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the doctor reads besides the machine's facts; `siblings` are the CPUs of each core that has several.

    `container` is the container runtime around this process (docker, podman); empty if none is detected.
    """

    clock_source: Maybe[str]
    siblings: Maybe[tuple[frozenset[int], ...]]
    available_bytes: Maybe[int]
    swapped_bytes: Maybe[int]
    container: Maybe[str]
    scattered_bytes: Maybe[int]  # free memory in small blocks


def look_around(root: Path = Path("/")) -> Surroundings:
    """Read the surroundings that are not among the machine's facts."""
    memory = _memory_bytes(root)
    unreported = Missing("/proc/meminfo does not report it")
    has_swap = "SwapTotal" in memory and "SwapFree" in memory
    source = root / "sys/devices/system/clocksource/clocksource0/current_clocksource"
    return Surroundings(
        clock_source=source.read_text().strip() if source.exists() else Missing("/sys reports no clock source"),
        siblings=_siblings(root),
        available_bytes=available_bytes(root),
        swapped_bytes=memory["SwapTotal"] - memory["SwapFree"] if has_swap else unreported,
        container=_container(root),
        scattered_bytes=scattered_bytes(root),
    )


def diagnose(
    machine: Machine, *, check: CounterCheck, torch: Maybe[TorchProbe], around: Surroundings
) -> tuple[Finding, ...]:
    """All findings, the most important first."""
    return (
        *findings.counters(check),
        findings.gate(check),
        findings.paranoid(machine),
        findings.container(around.container, check),
        findings.dot_products(machine),
        findings.torch_kernels(machine, torch),
        findings.engines(machine),
        findings.governor(machine),
        findings.turbo(machine),
        findings.siblings(machine, around.siblings),
        findings.numa(machine),
        findings.quota(machine),
        findings.allocator(machine),
        findings.memory(around.available_bytes, around.swapped_bytes),
        findings.scattered(around.scattered_bytes),
        findings.other_load(machine),
        findings.clock(around.clock_source),
        findings.time_split(machine, check),
        findings.hypervisor(machine),
    )


# The file that each leaves at the root of what it builds.
_MARKS = {"docker": ".dockerenv", "podman": "run/.containerenv"}


def _container(root: Path) -> Maybe[str]:
    if not (root / "proc").exists():
        return Missing("/proc is not there")
    return next((kind for kind, mark in _MARKS.items() if (root / mark).exists()), "")


def _memory_bytes(root: Path) -> dict[str, int]:
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
    except OSError:
        return {}
    split = (line.partition(":") for line in lines)
    return {name: int(value.split()[0]) * 1024 for name, _, value in split if value.endswith("kB")}


def _siblings(root: Path) -> Maybe[tuple[frozenset[int], ...]]:
    cores: set[frozenset[int]] = set()
    for file in (root / "sys/devices/system/cpu").glob("cpu[0-9]*/topology/thread_siblings_list"):
        cores.add(parse_cpu_list(file.read_text()))
    if not cores:
        return Missing("/sys/devices/system/cpu/cpu*/topology is not there")
    return tuple(sorted((core for core in cores if len(core) > 1), key=min))
