"""The interface between the dispatcher and the nodes that measure: one machine, or a Ray cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ironlaw.machine import Machine
from ironlaw.sweep.cell import Cell
from ironlaw.sweep.hosts import Node
from ironlaw.watcher import Watcher


class Runner(Protocol):
    """Measures one cell where it is called. Travels to Ray's workers, so it must pickle."""

    def inspect(self) -> Machine:
        """Return the facts about the machine it runs on."""

    def measure(self, cell: Cell, out: Path, watcher: Watcher) -> None:
        """Write the cell's whole recording to `out`, paths of users' files relative to the working folder.

        Raises:
            IronlawError: the cell cannot be measured.
            KeyboardInterrupt: it was stopped; the recording in `out` is incomplete.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The cell's whole recording is at `written`."""

    cell: Cell
    written: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The cell itself failed, and would fail on any node."""

    cell: Cell
    reason: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The process that measured the cell died or vanished; nothing is known about the cell."""

    cell: Cell
    reason: str


Outcome = Done | Failed | Lost


class Cluster(Protocol):
    """Nodes that measure one cell each at a time."""

    def nodes(self) -> Sequence[Node]:
        """The nodes that are alive."""

    def submit(self, cell: Cell, node: Node, out: Path) -> None:
        """Start to measure a cell on that node; its recording is written to `out`."""

    def wait(self) -> Sequence[Outcome]:
        """Return the cells that ended since the last call, none after a timeout, so that nodes can be checked again."""

    def cancel(self) -> None:
        """Stop everything that runs."""
