"""A cluster in memory: nodes that finish, lose or refuse cells as the test states."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ironlaw.sweep.cell import Cell
from ironlaw.sweep.cluster import Done, Failed, Lost, Outcome
from ironlaw.sweep.hosts import Host, Node


def node(name: str, **labels: str) -> Node:
    """A node with one value under each label."""
    return Node(name=name, id=name, labels={key: frozenset({value}) for key, value in labels.items()})


@dataclass
class Simulated:
    """Cells end in the order in which they began, one for each `wait`.

    `losses` is how many times each cell (by id) is lost; `leaving` names nodes that leave once they lost a cell;
    `refused` cells fail.
    """

    alive: list[Node]
    losses: dict[str, int] = field(default_factory=dict)
    leaving: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    log: list[tuple[str, str]] = field(default_factory=list)  # cell id, node
    running: deque[tuple[Cell, Node, Path]] = field(default_factory=deque)
    most_at_once: dict[str, int] = field(default_factory=dict)
    cancelled: bool = False

    def nodes(self) -> Sequence[Node]:
        return tuple(self.alive)

    def submit(self, cell: Cell, node: Node, out: Path) -> None:
        self.log.append((cell.id, node.name))
        self.running.append((cell, node, out))
        busy = sum(other.id == node.id for _, other, _ in self.running)
        self.most_at_once[node.name] = max(busy, self.most_at_once.get(node.name, 0))

    def wait(self) -> Sequence[Outcome]:
        cell, node, out = self.running.popleft()
        if cell.id in self.refused:
            return [Failed(cell=cell, reason="no such model", hint="fix it")]
        if self.losses.get(cell.id, 0) > 0:
            self.losses[cell.id] -= 1
            if node.name in self.leaving:
                self.alive.remove(node)
            return [Lost(cell=cell, reason="the worker died")]
        out.write_text("a recording")
        return [Done(cell=cell, written=out)]

    def cancel(self) -> None:
        self.cancelled = True


class Quiet:
    """A watcher of a sweep that keeps its messages."""

    def __init__(self) -> None:
        self.troubles: list[str] = []

    def started(self, cell: Cell, node: Node) -> None:
        pass

    def ended(self, cell: Cell, node: Node, trouble: str) -> None:
        self.troubles.append(trouble)


def by_host(cells: Sequence[Cell]) -> dict[Host, list[Cell]]:
    """The cells as the dispatcher takes them."""
    sorted_out: dict[Host, list[Cell]] = {}
    for cell in cells:
        sorted_out.setdefault(cell.host, []).append(cell)
    return sorted_out
