"""What a sweep costs its driver: figures, not a test. `python -m benchmarks.sweep_scale`.

Simulated hosts hand in one scripted recording, always the same, for every cell; what is timed is dispatching, writing
and renaming. Time per cell is to stay the same, and memory too, whatever the number of cells.
"""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from tests.sweep.scripted import ScriptedRunner, plan
from tests.sweep.simulated import Quiet

from ironlaw.sweep.cell import Cell
from ironlaw.sweep.cluster import Done, Outcome
from ironlaw.sweep.dispatch import dispatch
from ironlaw.sweep.hosts import Node
from ironlaw.sweep.store import Store
from ironlaw.watcher import Unwatched


class Handing:
    """Nodes that hand in a recording at once."""

    def __init__(self, nodes: Sequence[Node], recording: bytes) -> None:
        self._nodes = nodes
        self._recording = recording
        self._running: deque[tuple[Cell, Path]] = deque()

    def nodes(self) -> Sequence[Node]:
        return self._nodes

    def submit(self, cell: Cell, node: Node, out: Path) -> None:
        self._running.append((cell, out))

    def wait(self) -> Sequence[Outcome]:
        cell, out = self._running.popleft()
        out.write_bytes(self._recording)
        return [Done(cell=cell, written=out)]

    def cancel(self) -> None:
        self._running.clear()


def swept(hosts: int, cells_per_host: int, recording: bytes) -> None:
    """Sweep a number of hosts twice: for the time, and for the memory that Python takes at most beyond its start."""
    labels = [f"h{number}" for number in range(hosts)]
    nodes = [Node(name=label, id=label, labels={"name": frozenset({label})}) for label in labels]
    for is_traced in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            wanted = plan(
                Path(folder),
                hosts=tuple(f"name:{label}" for label in labels),
                threads=tuple(range(1, cells_per_host + 1)),
                batches=(1,),
            )
            store = Store(wanted.out)
            if is_traced:
                tracemalloc.start()
            began_s = time.perf_counter()
            tally = dispatch(
                {host: wanted.cells_on(host) for host in wanted.hosts}, Handing(nodes, recording), store, Quiet()
            )
            took_s = time.perf_counter() - began_s
            peak_bytes = tracemalloc.get_traced_memory()[1] if is_traced else 0
            assert tally.measured == hosts * cells_per_host
            store.close()
        if is_traced:
            tracemalloc.stop()
            print(f"{'':20} {peak_bytes / 1e6:8.2f} MB at most")
        else:
            each_us = took_s / tally.measured * 1e6
            print(f"{hosts:5} hosts {tally.measured:6} cells {took_s:6.2f} s, {each_us:5.0f} us a cell", flush=True)


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        runner = ScriptedRunner(journal=Path(folder) / "journal")
        out = Path(folder) / "one.jsonl"
        runner.measure(next(plan(Path(folder)).cells()), out, Unwatched())
        recording = out.read_bytes()
    print(f"each recording has {len(recording)} bytes")
    for hosts, cells_per_host in ((100, 10), (100, 100), (1000, 10)):
        swept(hosts, cells_per_host, recording)


if __name__ == "__main__":
    main()
