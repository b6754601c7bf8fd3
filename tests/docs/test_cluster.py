"""The cluster of docs/sweep.md, typed literally: its machines are processes on a network of their own.

Whatever daemons the lines leave end with the namespace of process numbers that they were started in.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ironlaw.recording import load
from tests.docs.conftest import MODEL
from tests.docs.pages import ROOT, apart

pytest.importorskip("ray", reason="Ray is not installed: pip install 'ironlaw[ray]'")

LINES = apart("test_cluster")
AS_ROOT = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
ALONE = ["unshare", *AS_ROOT, "--net", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child"]
PLAN = """
models = ["model.py:build"]
arms = ["fp32", "fp32@torchscript"]
n = 4
replicates = 2
out = "swept"
"""


@pytest.fixture
def short() -> Iterator[str]:
    """A folder for Ray's sockets, whose names are limited to 107 characters."""
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    yield folder
    shutil.rmtree(folder)


def may_be_alone() -> bool:
    """Whether the kernel lets this user make namespaces."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not may_be_alone(), reason="the kernel refuses namespaces to this user")
def test_the_lines_start_a_cluster_and_sweep_on_it(tmp_path: Path, short: str) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "plan.toml").write_text(PLAN)
    (tmp_path / "hosts").write_text(f"127.0.0.1 localhost HEAD {socket.gethostname()}\n")
    (tmp_path / "typed.sh").write_text("\n".join(LINES) + "\n")
    settings = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "RAY_TMPDIR": short,
        "COLUMNS": "80",
    }
    words = [*ALONE, sys.executable, str(Path(__file__).parent / "own_network.py"), "hosts", "typed.sh"]
    ran = subprocess.run(words, cwd=tmp_path, env=settings, capture_output=True, check=False, text=True)
    assert ran.returncode == 0, f"{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}"
    [recording] = (tmp_path / "swept").glob("*.jsonl")
    assert not load(recording).was_cut
    assert ran.stdout.count("Ray runtime started") == sum(line.startswith("ray start") for line in LINES)
