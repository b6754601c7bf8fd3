"""The dispatcher: every cell to a free node that fits it, each measured once, lost ones again on another node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ironlaw.sweep.cell import Cell
from ironlaw.sweep.cluster import Cluster, Done, Failed, Lost, Outcome
from ironlaw.sweep.hosts import Host, Node
from ironlaw.sweep.store import CellFailure, Store

MOST_RETRIES = 2


class SweepWatcher(Protocol):
    """Receives the progress of the sweep."""

    def started(self, cell: Cell, node: Node) -> None:
        """A node took a cell."""

    def ended(self, cell: Cell, node: Node, trouble: str) -> None:
        """A node is free again; `trouble` is empty when the cell's recording is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The outcomes of the cells of this call."""

    measured: int = 0
    failed: int = 0


@dataclass(slots=True)
class _Dispatcher:
    waiting: dict[Host, Iterator[Cell]]
    cluster: Cluster
    store: Store
    watcher: SweepWatcher
    alive: dict[str, Node] = field(default_factory=dict)
    free: list[Node] = field(default_factory=list)
    idle: dict[str, Node] = field(default_factory=dict)  # looked for a cell, found none
    running: dict[str, tuple[Cell, Node]] = field(default_factory=dict)  # by cell id
    again: list[Cell] = field(default_factory=list)
    tried: dict[str, list[str]] = field(default_factory=dict)  # cell id -> nodes that lost it
    measured: int = 0
    failed: int = 0

    def run(self) -> Tally:
        self._look_at_nodes()
        while True:
            self._assign()
            if not self.running:
                self._look_at_nodes()
                self._assign()
            if not self.running:
                break
            outcomes = self.cluster.wait()
            for outcome in outcomes:
                self._settle(outcome)
            if not outcomes:
                self._look_at_nodes()
        self._give_up()
        return Tally(measured=self.measured, failed=self.failed)

    def _look_at_nodes(self) -> None:
        """Nodes that joined are free, those that left get no cell; of those that measure we hear by their cells."""
        now = {node.id: node for node in self.cluster.nodes()}
        joined = [node for id, node in now.items() if id not in self.alive]
        self.free = [node for node in self.free if node.id in now] + joined
        self.idle = {id: node for id, node in self.idle.items() if id in now}
        self.alive = now

    def _assign(self) -> None:
        while self.free:
            node = self.free.pop(0)
            cell = self._choose(node)
            if cell is None:
                self.idle[node.id] = node
                continue
            self.running[cell.id] = (cell, node)
            self.watcher.started(cell, node)
            self.cluster.submit(cell, node, self.store.aside(cell))

    def _choose(self, node: Node) -> Cell | None:
        for place, cell in enumerate(self.again):
            if cell.host.fits(node.labels) and node.id not in self.tried[cell.id]:
                return self.again.pop(place)
        for host in _hosts_of(node):
            cells = self.waiting.get(host)
            if cells is None:
                continue
            found = next(cells, None)
            if found is not None:
                return found
            del self.waiting[host]
        return None

    def _settle(self, outcome: Outcome) -> None:
        cell, node = self.running.pop(outcome.cell.id)
        if node.id in self.alive:
            self.free.append(node)
        match outcome:
            case Done():
                self.store.keep(cell, outcome.written)
                self.measured += 1
                self.watcher.ended(cell, node, "")
            case Failed():
                self._fail(cell, node, outcome.reason, outcome.hint)
            case Lost():
                self._retry(cell, node, outcome.reason)

    def _retry(self, cell: Cell, node: Node, reason: str) -> None:
        self._look_at_nodes()
        tried = self.tried.setdefault(cell.id, [])
        tried.append(node.id)
        others = [other for other in self.alive.values() if cell.host.fits(other.labels) and other.id not in tried]
        if len(tried) > MOST_RETRIES:
            self._fail(cell, node, f"failed on {len(tried)} nodes, last: {reason}", "check the memory of that node")
        elif not others:
            hint = "run the sweep again when such a node exists"
            self._fail(cell, node, f"{reason}; no other node is {cell.host}", hint)
        else:
            self.again.append(cell)
            self.free += self.idle.values()
            self.idle.clear()
            self.watcher.ended(cell, node, f"{reason}; it is tried on another node")

    def _fail(self, cell: Cell, node: Node | None, reason: str, hint: str) -> None:
        where = str(node) if node else "nowhere"
        self.store.fail(cell, CellFailure(cell=str(cell), reason=reason, hint=hint, where=where))
        self.failed += 1
        if node is not None:
            self.watcher.ended(cell, node, reason)

    def _give_up(self) -> None:
        """Report the remaining cells: nothing runs, and no node matches them."""
        for cell in [*self.again, *(cell for cells in self.waiting.values() for cell in cells)]:
            self._fail(cell, None, f"no node is {cell.host}", "run the sweep again when such a node exists")


def dispatch(cells: Mapping[Host, Iterable[Cell]], cluster: Cluster, store: Store, watcher: SweepWatcher) -> Tally:
    """Measure every cell that the store does not have.

    Takes cells one at a time, so that memory does not grow with their number. When interrupted, it stops and
    raises; a later call continues from the store.
    """
    waiting: dict[Host, Iterator[Cell]] = {
        host: (cell for cell in some if not store.has(cell)) for host, some in cells.items()
    }
    try:
        return _Dispatcher(waiting, cluster, store, watcher).run()
    finally:
        cluster.cancel()


def _hosts_of(node: Node) -> Iterator[Host]:
    """The hosts of the plan that this node matches, specific ones first."""
    for key, values in node.labels.items():
        for value in values:
            yield Host(key=key, value=value)
    yield Host()
