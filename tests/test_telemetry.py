"""Nothing is sent: what every engine's own libraries would look up, in a network that counts look-ups."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ironlaw.engines import telemetry_off
from ironlaw.models import hub
from tests.docs.pages import ROOT
from tests.lookups import ALONE, WITHOUT_ROUTE

MODEL = """
import torch

def build():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(288, 4))
    return net.eval(), [(torch.randn(1, 3, 8, 8),) for _ in range(8)]

def using_everything():
    import nncf, onnxruntime, openvino  # of any engine, in an arm of another one
    return build()
"""


def may_be_alone() -> bool:
    """Whether the kernel lets this user make a network and mount in it."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0


alone = pytest.mark.skipif(not may_be_alone(), reason="the kernel refuses namespaces to this user")


def counted(command: list[str], folder: Path) -> tuple[list[str], list[Path]]:
    """The names that a command looked up, and the files it left in the user's home."""
    for name in ("openvino", "nncf", "onnxruntime", "onnxscript"):
        pytest.importorskip(name)
    asked, home = folder / "asked", folder / "home"
    home.mkdir()
    asked.touch()
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST") and name != "CI"}
    ran = subprocess.run(
        [*ALONE, sys.executable, "-m", "tests.lookups", str(asked), str(folder), *command],
        cwd=ROOT,
        env={**settings, "HOME": str(home), "PYTHONPATH": str(ROOT / "src"), "MPLCONFIGDIR": str(folder / "drawing")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return asked.read_text().split(), [path.relative_to(home) for path in home.rglob("*") if path.is_file()]


@alone
def test_a_run_in_every_engine_looks_nothing_up_and_leaves_nothing_in_the_home(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    arms = "fp32,fp32@torchscript,fp32@onnxruntime,int8@onnxruntime,fp32@openvino,int8@openvino"
    command = [sys.executable, "-P", "-m", "ironlaw", "run", f"{tmp_path}/model.py:build", "--arms", arms]
    command += ["--arm", f"everything={tmp_path}/model.py:using_everything", "--n", "4", "--replicates", "2"]
    command += ["--experiments", "none", "--quiet", "--no-counters", "--out", f"{tmp_path}/run.jsonl"]
    assert counted(command, tmp_path) == ([], [])


@alone
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_an_exported_script_looks_nothing_up(engine: str, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    command = [sys.executable, "-P", "-m", "ironlaw", "export", f"fp32@{engine}"]
    command += ["--model", f"{tmp_path}/model.py:build", "-o", f"{tmp_path}/out"]
    both = f"{' '.join(command)} && {sys.executable} {tmp_path}/out/infer.py"
    assert counted(["sh", "-c", both], tmp_path) == ([], [])


@alone
def test_a_lookup_would_be_counted(tmp_path: Path) -> None:
    names, left = counted([sys.executable, "-c", "import openvino, onnxruntime"], tmp_path)
    assert "www.google-analytics.com" in names
    assert Path("intel/openvino_ga_cid") in left
    assert any("onnxruntime" in str(path) for path in left)


@alone
def test_a_connection_to_a_bare_address_would_be_counted(tmp_path: Path) -> None:
    # 192.0.2.0/24 is kept for documentation (RFC 5737), and nothing leaves this network.
    code = "import socket; print(socket.socket().connect_ex(('192.0.2.1', 443)))"
    assert counted([sys.executable, "-c", code], tmp_path) == ([WITHOUT_ROUTE], [])


def test_each_library_is_switched_off_by_its_own_means() -> None:
    assert telemetry_off().variables == {"ORT_DISABLE_TELEMETRY": "1"}
    assert telemetry_off().withheld == ("openvino_telemetry",)
    assert hub.TELEMETRY_OFF.variables == {"HF_HUB_DISABLE_TELEMETRY": "1"}


def test_the_hub_knows_the_variable() -> None:
    pytest.importorskip("huggingface_hub")
    code = "from huggingface_hub import constants; print(constants.HF_HUB_DISABLE_TELEMETRY)"
    asked = {**os.environ, **hub.TELEMETRY_OFF.variables}
    assert subprocess.run([sys.executable, "-c", code], env=asked, capture_output=True, check=True).stdout == b"True\n"
