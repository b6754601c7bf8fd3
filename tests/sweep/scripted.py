"""A runner whose cells follow a stated law: real recordings in milliseconds, and a journal of who measured when."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from ironlaw.arm import Arm
from ironlaw.errors import ArmFailed
from ironlaw.machine import Machine
from ironlaw.measure.recorder import record
from ironlaw.measure.scripted import ArmScript, Script, ScriptedStage
from ironlaw.recording import RecordingWriter
from ironlaw.running import Settings, plan_of
from ironlaw.running.advice import advise
from ironlaw.sweep.cell import Cell, Model
from ironlaw.sweep.hosts import Host
from ironlaw.sweep.plan_file import SweepPlan
from ironlaw.watcher import Watcher

SCRIPT = Script(arms={"fp32": ArmScript(), "int8": ArmScript(user_instructions=5e7)}, pmu=False)
MACHINE = Machine(architecture="x86_64", cpu="scripted", isa=("avx2",), versions={"torch": "2.6.0"})


@dataclass(frozen=True, kw_only=True)
class ScriptedRunner:
    """Measures by SCRIPT.

    `journal` gets a line when a cell begins and one when it ends. A cell of `failing` raises; the first to measure one
    of `dying` kills its own process; one of `blocking` waits until `gate`, a FIFO, was opened and
    closed.
    """

    journal: Path
    machine: Machine = MACHINE
    failing: frozenset[str] = frozenset()
    dying: frozenset[str] = frozenset()
    blocking: frozenset[str] = frozenset()
    gate: Path | None = None
    script: Script = field(default=SCRIPT)

    def inspect(self) -> Machine:
        return self.machine

    def measure(self, cell: Cell, out: Path, watcher: Watcher) -> None:
        self._note("begin", cell)
        if cell.id in self.failing:
            raise ArmFailed("the model does not load", hint="fix it")
        if cell.id in self.dying and self._is_first(cell):
            os.abort()
        if cell.id in self.blocking and self._is_first(cell):
            assert self.gate is not None
            self._note("blocked", cell)
            self.gate.read_bytes()
        sink = RecordingWriter(out)
        record(plan_of(cell.settings()), _StageOn(self.script, self.machine), sink, watcher=watcher, advice=advise())
        sink.close()
        self._note("end", cell)

    def _note(self, what: str, cell: Cell) -> None:
        line = f"{what} {cell.id} {os.getpid()}\n"
        with self.journal.open("a") as file:  # appended whole: one write below a page
            file.write(line)

    def _is_first(self, cell: Cell) -> bool:
        try:
            (self.journal.parent / f"{cell.id}.met").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


class _StageOn(ScriptedStage):
    """A scripted stage on a stated machine."""

    def __init__(self, script: Script, machine: Machine) -> None:
        super().__init__(script)
        self._machine = machine

    def inspect(self) -> Machine:
        return self._machine


def entries(journal: Path) -> list[tuple[str, str]]:
    """What happened to which cell, in order."""
    lines = journal.read_text().splitlines() if journal.exists() else []
    return [(line.split()[0], line.split()[1]) for line in lines]


def plan(
    folder: Path,
    *,
    hosts: tuple[str, ...] = ("any",),
    threads: tuple[int, ...] = (1, 2),
    batches: tuple[int, ...] = (1, 8),
) -> SweepPlan:
    """A plan of scripted cells."""
    return SweepPlan(
        file=folder / "plan.toml",
        folder=folder,
        out=folder / "out",
        models=(Model(source="scripted", name="net"),),
        threads=threads,
        batches=batches,
        hosts=tuple(Host.parse(host) for host in hosts),
        shared=Settings(arms=(Arm.of("fp32"), Arm.of("int8")), replicates=5, inferences=10, experiments=()),
    )
