"""This machine as the only node: it measures cells one after the other in this process, without a service."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from ironlaw.errors import IronlawError
from ironlaw.sweep.cell import Cell
from ironlaw.sweep.cluster import Done, Failed, Outcome, Runner
from ironlaw.sweep.exclusive import machine_to_itself
from ironlaw.sweep.hosts import Node, labels_of
from ironlaw.watcher import Watcher

HERE = "here"


class Here:
    """A cluster of one node."""

    def __init__(self, runner: Runner, folder: Path, watcher: Watcher) -> None:
        """Paths of the user's files are relative to `folder`."""
        self._runner = runner
        self._folder = folder
        self._watcher = watcher
        self._nodes = (Node(name=HERE, id=HERE, labels=labels_of(runner.inspect(), {})),)
        self._next: tuple[Cell, Path] | None = None

    def nodes(self) -> Sequence[Node]:
        """This machine."""
        return self._nodes

    def submit(self, cell: Cell, node: Node, out: Path) -> None:
        """Keep the cell for `wait`, which measures it."""
        self._next = (cell, out.absolute())

    def wait(self) -> Sequence[Outcome]:
        """Measure the cell."""
        assert self._next is not None, "the dispatcher waits for what it submitted"
        (cell, out), self._next = self._next, None
        return [measure_alone(self._runner, cell, out, self._folder, self._watcher)]

    def cancel(self) -> None:
        """Nothing runs between two calls."""


def measure_alone(runner: Runner, cell: Cell, out: Path, folder: Path, watcher: Watcher) -> Outcome:
    """Measure a cell while no other process on this machine measures; an exception is the cell's failure."""
    try:
        watcher.progressed(0.0, "waiting for the machine")
        with machine_to_itself(), contextlib.chdir(folder):
            runner.measure(cell, out, watcher)
    except IronlawError as error:
        return Failed(cell=cell, reason=error.message, hint=error.hint)
    except Exception as error:  # noqa: BLE001  # the border to engines and users' code: one cell's failure, others continue
        return Failed(cell=cell, reason=f"{type(error).__name__}: {error}", hint="please report this with the cell")
    return Done(cell=cell, written=out)
