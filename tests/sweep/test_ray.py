"""Sweeps on a real Ray: several nodes on this machine, labels, nodes and drivers that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ironlaw.errors import BadInput
from ironlaw.recording import load
from ironlaw.sweep.cell import Cell
from ironlaw.sweep.dispatch import Tally, dispatch
from ironlaw.sweep.hosts import Node
from ironlaw.sweep.plan_file import SweepPlan
from ironlaw.sweep.ray_cluster import RESOURCE, RayCluster
from ironlaw.sweep.store import Store
from tests.sweep.drive import HOSTS
from tests.sweep.scripted import ScriptedRunner, entries, plan
from tests.sweep.simulated import Quiet

pytest.importorskip("ray", reason="Ray is not installed: pip install 'ironlaw[ray]'")

# Ray leaves sockets and log files of its own to the garbage collector, and warns of its coming defaults.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray.*"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head that measures nothing, and three nodes that do: two called x86_64, one called aarch64."""
    from ray.cluster_utils import Cluster

    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    # A dead node is seen after a second instead of half a minute.
    health = {"health_check_period_ms": 300, "health_check_failure_threshold": 3, "health_check_initial_delay_ms": 0}
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": health}
    started = Cluster(initialize_head=True, head_node_args=head)
    for arch in ("x86_64", "x86_64", "aarch64"):
        started.add_node(num_cpus=1, resources={RESOURCE: 1}, labels={"arch": arch})
    yield started
    started.shutdown()  # type: ignore[no-untyped-call]  # Ray does not type it


def swept(cluster: Any, wanted: SweepPlan, runner: ScriptedRunner, watcher: Quiet | None = None) -> Tally:
    """Sweep the plan on the cluster."""
    store = Store(wanted.out)
    nodes = RayCluster(cluster.address, runner, wanted)
    try:
        cells = {host: wanted.cells_on(host) for host in wanted.hosts}
        return dispatch(cells, nodes, store, watcher or Quiet())
    finally:
        nodes.close()
        store.close()


def measured(wanted: SweepPlan) -> Counter[str]:
    """Which cells have a whole recording, by id."""
    found = Counter(path.stem.rpartition("-")[2] for path in wanted.out.glob("*.jsonl"))
    assert not any(load(path).was_cut for path in wanted.out.glob("*.jsonl"))
    return found


def every(wanted: SweepPlan) -> Counter[str]:
    return Counter(cell.id for cell in wanted.cells())


class Where(Quiet):
    """Keeps which node took which cell."""

    def __init__(self) -> None:
        super().__init__()
        self.took: list[tuple[Cell, Node]] = []

    def started(self, cell: Cell, node: Node) -> None:
        self.took.append((cell, node))


def test_each_cell_is_measured_once_on_a_node_of_its_label(cluster: Any, tmp_path: Path) -> None:
    wanted, watcher = plan(tmp_path, hosts=("arch:x86_64", "arch:aarch64")), Where()
    journal = tmp_path / "journal"
    assert swept(cluster, wanted, ScriptedRunner(journal=journal), watcher) == Tally(measured=8)
    assert measured(wanted) == every(wanted)
    assert Counter(id for what, id in entries(journal) if what == "end") == every(wanted)
    assert {(str(cell.host), *node.labels["arch"]) for cell, node in watcher.took} == {
        ("arch:x86_64", "x86_64"),
        ("arch:aarch64", "aarch64"),
    }


def test_nodes_on_one_machine_never_measure_at_once(cluster: Any, tmp_path: Path) -> None:
    wanted = plan(tmp_path, hosts=("any",), threads=(1, 2, 3))
    journal, watcher = tmp_path / "journal", Where()
    swept(cluster, wanted, ScriptedRunner(journal=journal), watcher)
    assert len({node.id for _, node in watcher.took}) == 3
    happened = entries(journal)
    assert [what for what, _ in happened] == ["begin", "end"] * 6
    assert all(begun == ended for (_, begun), (_, ended) in zip(happened[::2], happened[1::2], strict=True))


def test_a_worker_killed_in_mid_cell_is_replaced_on_another_node(cluster: Any, tmp_path: Path) -> None:
    wanted, watcher = plan(tmp_path, hosts=("arch:x86_64",)), Where()
    dying = next(wanted.cells()).id
    runner = ScriptedRunner(journal=tmp_path / "journal", dying=frozenset({dying}))
    assert swept(cluster, wanted, runner, watcher) == Tally(measured=4)
    assert measured(wanted) == every(wanted)
    took = [node.id for cell, node in watcher.took if cell.id == dying]
    assert len(took) == len(set(took)) == 2


def test_a_worker_killed_without_another_node_is_reported(cluster: Any, tmp_path: Path) -> None:
    wanted = plan(tmp_path, hosts=("arch:aarch64",))
    dying = next(wanted.cells())
    runner = ScriptedRunner(journal=tmp_path / "journal", dying=frozenset({dying.id}))
    assert swept(cluster, wanted, runner) == Tally(measured=3, failed=1)
    store = Store(wanted.out)
    failure = store.failure(dying)
    store.close()
    assert failure is not None
    assert "WorkerCrashedError" in failure.reason
    assert "no other node is arch:aarch64" in failure.reason
    assert swept(cluster, wanted, runner) == Tally(measured=1)


def test_a_failing_cell_says_why_and_the_others_go_on(cluster: Any, tmp_path: Path) -> None:
    wanted = plan(tmp_path, hosts=("any",))
    failing = next(wanted.cells()).id
    watcher = Quiet()
    runner = ScriptedRunner(journal=tmp_path / "journal", failing=frozenset({failing}))
    assert swept(cluster, wanted, runner, watcher) == Tally(measured=3, failed=1)
    assert sorted(watcher.troubles) == ["", "", "", "the model does not load"]


def test_users_files_travel_with_the_cells(cluster: Any, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("MARK = 1\ndef build(): ...\n")
    wanted = plan(tmp_path, hosts=("any",), threads=(1,), batches=(1,))
    wanted = replace(wanted, models=(replace(wanted.models[0], source="net.py:build"),))
    runner = _Reading(journal=tmp_path / "journal")
    assert swept(cluster, wanted, runner) == Tally(measured=1)
    seen = (tmp_path / "seen").read_text()
    assert seen.startswith("MARK = 1")
    assert str(tmp_path) not in seen.splitlines()[-1]  # read from where Ray put it


class _Reading(ScriptedRunner):
    """Reads the model's file where the cell runs."""

    def measure(self, cell: Cell, out: Path, watcher: Any) -> None:
        text = Path(cell.model.source.partition(":")[0]).read_text()
        (self.journal.parent / "seen").write_text(text + f"\n{Path.cwd()}")
        super().measure(cell, out, watcher)


def test_a_node_that_dies_in_mid_sweep_costs_no_cell(cluster: Any, tmp_path: Path) -> None:
    added = [cluster.add_node(num_cpus=1, resources={RESOURCE: 1}, labels={"arch": "riscv64"}) for _ in range(2)]
    wanted, watcher = plan(tmp_path, hosts=("arch:riscv64",)), Where()
    blocked = next(wanted.cells()).id
    gate = tmp_path / "gate"
    os.mkfifo(gate)

    is_over = threading.Event()

    def kill_its_node() -> None:
        with gate.open("wb"):  # opens once the cell waits for it
            doomed = next(node.id for cell, node in watcher.took if cell.id == blocked)
            cluster.remove_node(next(node for node in added if node.node_id == doomed), allow_graceful=False)
            is_over.wait()  # a process that still waits at the gate must not pass it

    runner = ScriptedRunner(journal=tmp_path / "journal", blocking=frozenset({blocked}), gate=gate)
    killer = threading.Thread(target=kill_its_node)
    killer.start()
    tally = swept(cluster, wanted, runner, watcher)
    is_over.set()
    killer.join()
    assert tally == Tally(measured=4)
    assert measured(wanted) == every(wanted)
    assert Counter(id for what, id in entries(runner.journal) if what == "end") == every(wanted)
    assert len({node.id for cell, node in watcher.took if cell.id == blocked}) == 2


def test_a_sweep_whose_driver_was_killed_goes_on_where_it_stopped(cluster: Any, tmp_path: Path) -> None:
    wanted = plan(tmp_path, hosts=HOSTS)
    last = list(wanted.cells())[-1].id
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    driver = subprocess.Popen(
        [sys.executable, "-m", "tests.sweep.drive", cluster.address, str(tmp_path), last], cwd=ROOT
    )
    with gate.open("wb") as held:  # opens once the last cell waits for it
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        before = measured(wanted)
        held.flush()
    assert last not in before
    assert swept(cluster, wanted, ScriptedRunner(journal=tmp_path / "second")) == Tally(measured=4 - len(before))
    assert measured(wanted) == every(wanted)
    again = Counter(id for what, id in entries(tmp_path / "second") if what == "end")
    assert again + before == every(wanted)


def test_an_address_where_nothing_listens_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no Ray cluster at"):
        RayCluster("127.0.0.1:1", ScriptedRunner(journal=tmp_path / "journal"), plan(tmp_path))


def test_files_outside_the_plans_folder_are_refused_before_anything_runs(cluster: Any, tmp_path: Path) -> None:
    wanted = plan(tmp_path / "below")
    wanted = replace(wanted, models=(replace(wanted.models[0], source="../net.py:build"),))
    with pytest.raises(BadInput, match=r"\.\./net\.py is not below"):
        RayCluster(cluster.address, ScriptedRunner(journal=tmp_path / "journal"), wanted)
