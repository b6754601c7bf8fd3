"""A driver in a process of its own, to be killed: `python -m tests.sweep.drive ADDRESS|here FOLDER [BLOCKING_CELL]`."""

from __future__ import annotations

import sys
from pathlib import Path

from ironlaw.sweep.cluster import Cluster
from ironlaw.sweep.dispatch import dispatch
from ironlaw.sweep.embedded import Here
from ironlaw.sweep.ray_cluster import RayCluster
from ironlaw.sweep.store import Store
from ironlaw.watcher import Unwatched
from tests.sweep.scripted import ScriptedRunner, plan
from tests.sweep.simulated import Quiet

HERE = "here"
HOSTS = ("arch:x86_64",)  # of the scripted plan on a cluster


def main() -> None:
    """Sweep the scripted plan of the folder."""
    address, folder, *blocking = sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]
    runner = ScriptedRunner(
        journal=folder / "journal", blocking=frozenset(blocking), gate=folder / "gate" if blocking else None
    )
    wanted = plan(folder) if address == HERE else plan(folder, hosts=HOSTS)
    store = Store(wanted.out)
    cluster: Cluster
    cluster = Here(runner, folder, Unwatched()) if address == HERE else RayCluster(address, runner, wanted)
    dispatch({host: wanted.cells_on(host) for host in wanted.hosts}, cluster, store, Quiet())


if __name__ == "__main__":
    main()
