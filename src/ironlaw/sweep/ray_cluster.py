"""A Ray cluster: one measuring task per node at a time, pinned to the node that the dispatcher chose."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ironlaw.errors import BadInput
from ironlaw.machine import Machine
from ironlaw.sweep.cell import Cell
from ironlaw.sweep.cluster import Done, Failed, Lost, Outcome, Runner
from ironlaw.sweep.embedded import measure_alone
from ironlaw.sweep.hosts import Node, labels_of
from ironlaw.sweep.plan_file import SweepPlan
from ironlaw.watcher import Unwatched

# The custom resource that makes a node one that measures; each has one of it and each task takes it.
RESOURCE = "ironlaw"
WAIT_S = 2.0
LISTENER_S = 5.0
FIRST_LOOK_S = 60.0  # for workers to start and say what machine they are on
_NOT_SHIPPED = (".git", ".venv", "__pycache__", ".lock", ".unfinished", "ironlaw-sweeps", "ironlaw-runs")


class RayCluster:
    """The nodes of a running Ray cluster that were started with the resource `ironlaw`."""

    def __init__(self, address: str, runner: Runner, plan: SweepPlan) -> None:
        """Connect, ship the user's files, and ask every node what machine it is.

        Raises:
            BadInput: Ray is not installed or not there, or files cannot be shipped, or no node can measure.
        """
        self._ray = _import_ray()
        self._connect(address, plan)
        self._runner = self._ray.put(runner)
        self._measure = self._ray.remote(_measure)
        self._inspect = self._ray.remote(_inspect)
        self._machines: dict[str, Machine] = {}
        self._asked: dict[str, Any] = {}
        self._refused: set[str] = set()  # nodes that cannot run ironlaw
        self._running: dict[Any, tuple[Cell, Path]] = {}
        self._nodes: tuple[Node, ...] = ()
        try:
            self._ask_nodes(FIRST_LOOK_S)
            if not self._nodes:
                raise _no_node(address, busy=len(self._asked))
        except BadInput:
            self.close()
            raise

    @property
    def machines(self) -> dict[str, Machine]:
        """The machine of every node, by the node's name."""
        return {node.name: self._machines[node.id] for node in self._nodes}

    def nodes(self) -> Sequence[Node]:
        """The nodes that are alive and whose machine is known; new ones are asked."""
        self._ask_nodes(0.0)
        return self._nodes

    def submit(self, cell: Cell, node: Node, out: Path) -> None:
        """Start the cell's task on the node."""
        task = self._measure.options(**self._only_on(node.id)).remote(self._runner, cell)
        self._running[task] = (cell, out)

    def wait(self) -> Sequence[Outcome]:
        """Return what has ended; its recordings are written to their places."""
        ended, _ = self._ray.wait(list(self._running), num_returns=1, timeout=WAIT_S)
        return [self._outcome(task) for task in ended]

    def cancel(self) -> None:
        """Kill the workers of all running tasks, and with them what they measure."""
        for task in self._running:
            self._ray.cancel(task, force=True)
        self._running.clear()

    def close(self) -> None:
        """Disconnect from the cluster."""
        self._ray.shutdown()

    def _connect(self, address: str, plan: SweepPlan) -> None:
        environment = _shipped(plan)
        _require_listener(address)
        try:
            self._ray.init(
                address=address,
                runtime_env=environment,
                log_to_driver=False,
                logging_level="error",
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            said = f"cannot use the Ray cluster at {address}: {_first_line(error)}"
            raise BadInput(said, hint="see docs/sweep.md on how to start one") from None

    def _ask_nodes(self, patience_s: float) -> None:
        alive = {
            node["NodeID"]: node
            for node in self._ray.nodes()
            if node["Alive"] and node["Resources"].get(RESOURCE, 0) >= 1
        }
        for id in alive:
            if id not in self._machines and id not in self._asked and id not in self._refused:
                self._asked[id] = self._inspect.options(**self._only_on(id)).remote(self._runner)
        if self._asked:
            asked = list(self._asked.values())
            self._ray.wait(asked, num_returns=len(asked), timeout=patience_s)
            self._hear()
        self._nodes = tuple(
            Node(
                name=f"{node['NodeManagerHostname']}-{id[:6]}",
                id=id,
                labels=labels_of(self._machines[id], node.get("Labels", {})),
            )
            for id, node in alive.items()
            if id in self._machines
        )

    def _hear(self) -> None:
        for id, task in list(self._asked.items()):
            ready, _ = self._ray.wait([task], timeout=0)
            if not ready:
                continue
            del self._asked[id]
            try:
                self._machines[id] = self._ray.get(task)
            except (self._ray.exceptions.RuntimeEnvSetupError, self._ray.exceptions.RayTaskError) as error:
                self._refused.add(id)
                if self._nodes:
                    continue  # it joined a sweep that continues without it
                raise BadInput(
                    f"a node of the Ray cluster cannot run ironlaw: {_last_line(error)}",
                    hint="pip install 'ironlaw[ray]' on every node, the same version as here",
                ) from None
            except self._ray.exceptions.RayError:
                continue  # it died meanwhile; Ray's list of nodes will say so

    def _only_on(self, id: str) -> dict[str, Any]:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return {
            "resources": {RESOURCE: 1},
            "num_cpus": 0,
            "max_retries": 0,  # the dispatcher retries, on another node
            "scheduling_strategy": NodeAffinitySchedulingStrategy(node_id=id, soft=False),
        }

    def _outcome(self, task: Any) -> Outcome:
        cell, out = self._running.pop(task)
        try:
            result = self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:
            return Failed(cell=cell, reason=_last_line(error), hint="see the worker's log on that node")
        except self._ray.exceptions.RayError as error:
            return Lost(cell=cell, reason=f"{type(error).__name__}: {_first_line(error)}")
        if isinstance(result, Failed):
            return result
        with out.open("wb") as file:
            file.write(result)
            file.flush()
            os.fsync(file.fileno())
        return Done(cell=cell, written=out)


def _measure(runner: Runner, cell: Cell) -> bytes | Failed:
    """Run on a worker: return the bytes of the cell's recording, or why there is none."""
    with tempfile.TemporaryDirectory(prefix="ironlaw-cell-") as folder:
        outcome = measure_alone(runner, cell, Path(folder) / "recording.jsonl", Path.cwd(), Unwatched())
        if isinstance(outcome, Done):
            return outcome.written.read_bytes()
        assert isinstance(outcome, Failed), "a worker that dies cannot report it"
        return outcome


def _inspect(runner: Runner) -> Machine:
    """Run on a worker: return the machine it is on."""
    return runner.inspect()


def _no_node(address: str, *, busy: int) -> BadInput:
    if busy:
        return BadInput(
            f"none of {busy} nodes of the Ray cluster at {address} answered within {FIRST_LOOK_S:.0f} s",
            hint="another sweep may be measuring there: wait for it",
        )
    return BadInput(
        f"no node of the Ray cluster at {address} can measure",
        hint=f"start workers with: ray start --address=HEAD:6379 --resources='{{\"{RESOURCE}\": 1}}'",
    )


def _require_listener(address: str) -> None:
    """Check that something listens at HOST:PORT; Ray itself would try for minutes."""
    host, colon, port = address.rpartition(":")
    if not colon or "/" in host or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=LISTENER_S).close()
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "start one with: ray start --head, and check that its port can be reached"
        raise BadInput(f"no Ray cluster at {address}: {reason}", hint=hint) from None


def _shipped(plan: SweepPlan) -> dict[str, Any]:
    """The runtime environment: the plan's folder, where the user's programs and images must be; nothing without any."""
    files = plan.own_files()
    folder = plan.folder.resolve()
    for file in files:
        if not (folder / file).resolve().is_relative_to(folder) or file.is_absolute():
            raise BadInput(f"{file} is not below {folder}", hint="Ray ships the folder of the plan file: move it there")
    if not files:
        return {}
    out = os.path.relpath(plan.out, folder)
    return {"working_dir": str(folder), "excludes": [*_NOT_SHIPPED, *([out] if not out.startswith("..") else [])]}


def _import_ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise BadInput("Ray is not installed", hint="pip install 'ironlaw[ray]'") from None
    return ray


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "")[:200]


def _last_line(error: BaseException) -> str:
    return next(reversed(str(error).strip().splitlines()), "")[:200]
