"""Folders of scripted recordings for histories: dates, versions and gains as stated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ironlaw.fact import Fact, Header
from ironlaw.lines import encode
from ironlaw.machine import Machine
from ironlaw.missing import is_known
from tests.analysis.stated import Law, Noise, recording


@dataclass(frozen=True, kw_only=True)
class Stated:
    """One recording: when, on what, and by how much the changed arm is faster."""

    started: str
    gain: float = 2.0
    model: str = "net"
    torch: str = "2.6.0"
    cpu: str = "scripted"
    seed: int = 0
    changed: str = "int8"


def write(folder: Path, stated: Iterable[Stated]) -> None:
    """A file for each, named by its place."""
    for place, one in enumerate(stated):
        (folder / f"{place:04}.jsonl").write_bytes(text_of(one))


def text_of(one: Stated) -> bytes:
    """The recording's lines."""
    faster = Law(instructions=40e6 / one.gain, kernel_instructions=1e6 / one.gain)
    laws = {"fp32": Law(instructions=40e6), one.changed: faster}
    fact = recording(laws, Noise(shared=0.02, own=0.01, rounds=0.01), seed=one.seed, replicates=5, rounds=2, groups=())
    machine = Machine(architecture="x86_64", cpu=one.cpu, cpus_allowed=(0, 1), versions={"torch": one.torch})
    assert is_known(fact.counters)
    assert is_known(fact.ended)
    lines: list[Fact] = [
        Header(schema=1, ironlaw="0.1.0", started_utc=one.started),
        machine,
        replace(fact.plan, model=one.model),
        *fact.started,
        *fact.readings,
        fact.counters,
        fact.ended,
    ]
    return b"".join(encode(line) + b"\n" for line in lines)
