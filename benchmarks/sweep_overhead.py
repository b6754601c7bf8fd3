"""What a sweep adds to `ironlaw run`, per cell: figures, not a test. `python -m benchmarks.sweep_overhead [--ray]`.

The same small net is measured by the same schedule: by `ironlaw run`, by an embedded sweep of a few cells, and with
--ray by the sweep on a cluster of one measuring node that is started for it. Each is a process as a user starts it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

CELLS = 3
NET = """
import torch

def build():
    return torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 8)), (torch.zeros(1, 64),)

build1 = build2 = build3 = build
"""
PLAN = f"""
models = {[f"net.py:build{number}" for number in range(1, CELLS + 1)]}
arms = ["fp32", "fp32+malloc=retain"]
replicates = 1
n = 10
"""


def took_s(folder: Path, *arguments: str) -> float:
    """How long a command takes."""
    began_s = time.perf_counter()
    reported = subprocess.run(
        [Path(sys.executable).with_name("ironlaw"), *arguments], cwd=folder, capture_output=True, check=False
    )
    assert reported.returncode == 0, reported.stderr.decode()
    return time.perf_counter() - began_s


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "net.py").write_text(NET)
        (folder / "plan.toml").write_text(PLAN)
        arms = "fp32,fp32+malloc=retain"
        run = ("run", "net.py:build", "--arms", arms, "--n", "10", "--replicates", "1", "--experiments", "none")
        once_s = min(took_s(folder, *run, "--out", f"run{number}.jsonl") for number in range(2))
        print(f"ironlaw run {once_s:.1f} s", flush=True)
        report("embedded", took_s(folder, "sweep", "plan.toml"), once_s)
        if "--ray" in sys.argv:
            on_ray(folder, once_s)


def on_ray(folder: Path, once_s: float) -> None:
    """The same on a cluster of one measuring node."""
    from ray.cluster_utils import Cluster

    from ironlaw.sweep.ray_cluster import RESOURCE

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    cluster.add_node(num_cpus=1, resources={RESOURCE: 1})
    (folder / "again.toml").write_text(PLAN)
    try:
        report("on Ray", took_s(folder, "sweep", "again.toml", "--ray", cluster.address), once_s)
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]  # Ray does not type it


def report(what: str, sweep_s: float, once_s: float) -> None:
    """The figure."""
    print(f"sweep of {CELLS} cells {what}: {sweep_s:.1f} s, {sweep_s / CELLS - once_s:+.1f} s a cell", flush=True)


if __name__ == "__main__":
    main()
