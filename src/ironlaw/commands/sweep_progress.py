"""The progress of a sweep: cells done, what runs where, time left."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from ironlaw.text import plain

if TYPE_CHECKING:
    from ironlaw.sweep.cell import Cell
    from ironlaw.sweep.hosts import Node
    from ironlaw.sweep.plan_file import SweepPlan

MOST_LINES = 12  # of running cells; a cluster of a thousand nodes does not fit a screen


class SweepProgress:
    """A bar for the sweep and a line per running cell; without a terminal, a line per completed cell."""

    def __init__(self, console: Console, plan: SweepPlan, *, there: int, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._total = plan.count
        self._done = there
        self._ended = 0
        self._within = 0.0  # of the cell that runs here; 0 on a cluster
        self._budget_s = plan.shared.budget_s
        self._began_s = time.monotonic()
        self._running: dict[str, str] = {}  # node id -> what it does
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[left]}"),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._sweep = self._bar.add_task("cells", total=self._total, completed=there, left="")
        self._lines: dict[str, TaskID] = {}

    def started(self, cell: Cell, node: Node) -> None:
        """Report that a node started a cell."""
        self._running[node.id] = f"{node}: {cell}"
        self._within = 0.0
        if len(self._lines) < MOST_LINES:
            self._lines[node.id] = self._bar.add_task(self._running[node.id], total=None, left="")
        self._draw()

    def ended(self, cell: Cell, node: Node, trouble: str) -> None:
        """Report that a node's cell ended."""
        self._running.pop(node.id, None)
        line = self._lines.pop(node.id, None)
        if line is not None:
            self._bar.remove_task(line)
        self._ended += 1
        self._within = 0.0
        if not trouble:
            self._done += 1
        if not self._quiet and (trouble or not self._console.is_terminal):
            said = f"{cell}, {node}: {trouble or 'measured'}"
            self._console.print(
                plain(f"{self._done} of {self._total}: {said}"), highlight=False, markup=False, soft_wrap=True
            )
        self._draw()

    def progressed(self, done: float, doing: str) -> None:
        """Report the progress of the cell that runs here."""
        self._within = done
        for id, line in self._lines.items():
            self._bar.update(line, description=plain(f"{self._running[id]} ({doing})"))
        self._draw()

    def left_s(self, now_s: float) -> float | None:
        """The seconds left, by the cells that ended or, before that, by the budget; None if neither is known."""
        behind = self._ended + self._within
        ahead = self._total - self._done - self._within
        if self._ended:
            return (now_s - self._began_s) / behind * ahead
        if self._budget_s is None:
            return None
        return ahead * self._budget_s / max(1, len(self._running))

    def _draw(self) -> None:
        left_s = self.left_s(time.monotonic())
        self._bar.update(
            self._sweep,
            completed=self._done + self._within,
            description=f"{self._done} of {self._total} cells, {len(self._running)} running",
            left="" if left_s is None else f"about {_duration(left_s)} left",
        )

    def __enter__(self) -> SweepProgress:
        self._began_s = time.monotonic()
        self._bar.start()
        if not self._quiet:
            waiting = self._total - self._done
            at_most = "" if self._budget_s is None else f", {self._budget_s:g} s each at most"
            self._console.print(f"{waiting} cells to measure{at_most}; {self._done} are there.", highlight=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
