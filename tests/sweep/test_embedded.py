"""A sweep on this machine alone, and a driver that is killed in the middle of a cell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from ironlaw.recording import load
from ironlaw.sweep.dispatch import Tally, dispatch
from ironlaw.sweep.embedded import Here
from ironlaw.sweep.exclusive import machine_to_itself
from ironlaw.sweep.plan_file import SweepPlan
from ironlaw.sweep.store import Store
from ironlaw.watcher import Unwatched
from tests.sweep.drive import HERE
from tests.sweep.scripted import ScriptedRunner, entries, plan
from tests.sweep.simulated import Quiet

ROOT = Path(__file__).parents[2]


def swept(wanted: SweepPlan, runner: ScriptedRunner) -> Tally:
    """Sweep the plan here."""
    store = Store(wanted.out)
    try:
        cells = {host: wanted.cells_on(host) for host in wanted.hosts}
        return dispatch(cells, Here(runner, wanted.folder, Unwatched()), store, Quiet())
    finally:
        store.close()


def measured(wanted: SweepPlan) -> Counter[str]:
    """Which cells have a whole recording, by id."""
    assert not any(load(path).was_cut for path in wanted.out.glob("*.jsonl"))
    return Counter(path.stem.rpartition("-")[2] for path in wanted.out.glob("*.jsonl"))


def test_cells_are_measured_one_after_the_other(tmp_path: Path) -> None:
    wanted = plan(tmp_path)
    assert swept(wanted, ScriptedRunner(journal=tmp_path / "journal")) == Tally(measured=4)
    assert [what for what, _ in entries(tmp_path / "journal")] == ["begin", "end"] * 4
    assert measured(wanted) == Counter(cell.id for cell in wanted.cells())


def test_a_killed_driver_leaves_whole_recordings_and_the_next_goes_on(tmp_path: Path) -> None:
    wanted = plan(tmp_path)
    third = list(wanted.cells())[2].id
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    driver = subprocess.Popen([sys.executable, "-m", "tests.sweep.drive", HERE, str(tmp_path), third], cwd=ROOT)
    with gate.open("wb"):  # opens once the third cell waits for it
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    before = measured(wanted)
    assert sum(before.values()) == 2
    assert swept(wanted, ScriptedRunner(journal=tmp_path / "second")) == Tally(measured=2)
    again = Counter(id for what, id in entries(tmp_path / "second") if what == "end")
    assert before + again == measured(wanted) == Counter(cell.id for cell in wanted.cells())


def test_the_machine_is_given_back_when_its_process_dies(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom ironlaw.sweep.exclusive import machine_to_itself\n"
        "with machine_to_itself(Path(sys.argv[1])):\n    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -signal.SIGKILL
    with machine_to_itself(tmp_path):
        pass
