"""The wheel, installed with what it depends on into an empty environment: what works there without torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.test_without_torch import PROGRAMS, SHORT, onnx_file

pytestmark = pytest.mark.hardware
RECORDING = ROOT / "tests" / "golden" / "without-pmu.jsonl"


def ran(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """A command in a folder, without this checkout and its environment in reach."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return subprocess.run([*map(str, words)], cwd=folder, env=kept, capture_output=True, text=True, check=False)


def install(environment: Path, *wanted: str) -> None:
    """With pip, from its index or its cache; skips where the index has nothing, not even pip."""
    into = (sys.executable, "-m", "pip", "--python", environment / "bin" / "python", "install", "-q", "--no-compile")
    done = ran(environment, *into, "--retries", "0", "--timeout", "10", *wanted)
    if done.returncode:
        asked = ran(environment, *into, "--retries", "0", "--timeout", "10", "--dry-run", "--force-reinstall", "pip")
        if asked.returncode:
            pytest.skip(f"no package index can be reached: {asked.stderr.splitlines()[-1][:200]}")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from hatchling.builders.wheel import WheelBuilder

    folder = tmp_path_factory.mktemp("wheel")
    return Path(next(iter(WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"]))))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what it depends on, and no more."""
    made = tmp_path_factory.mktemp("environment")
    assert ran(made, sys.executable, "-m", "venv", "--without-pip", made).returncode == 0
    install(made, str(wheel))
    return made


def ironlaw(environment: Path, folder: Path, *words: str | Path) -> str:
    done = ran(folder, environment / "bin" / "ironlaw", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def measured(environment: Path, folder: Path, *arms: str) -> set[str]:
    """The arms with readings of a short run, whose explanation the environment prints."""
    ironlaw(environment, folder, "run", *(word for arm in arms for word in ("--arm", arm)), *SHORT, "--out", "a.jsonl")
    facts = [json.loads(line) for line in (folder / "a.jsonl").read_text().splitlines()]
    assert not [fact for fact in facts if "failure" in fact]
    return {fact["reading"]["arm"] for fact in facts if "reading" in fact}


def test_it_stands_alone_without_torch(environment: Path, tmp_path: Path) -> None:
    look = "import importlib.util, ironlaw; print(ironlaw.__file__, importlib.util.find_spec('torch'))"
    where, torch = ran(tmp_path, environment / "bin" / "python", "-c", look).stdout.split()
    assert where.startswith(str(environment))
    assert torch == "None"


def test_a_recording_is_explained_and_reported(environment: Path, tmp_path: Path) -> None:
    explained = json.loads(ironlaw(environment, tmp_path, "explain", RECORDING, "--json"))
    assert explained["comparisons"]
    ironlaw(environment, tmp_path, "report", RECORDING, "--out", "report.html")
    assert "<svg" in (tmp_path / "report.html").read_text()


def test_a_pair_of_callables_is_measured(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "programs.py").write_text(PROGRAMS)
    assert measured(environment, tmp_path, "once=programs.py:once", "twice=programs.py:twice") >= {"once", "twice"}


def test_with_its_extra_a_pair_of_onnx_files_is_measured(environment: Path, wheel: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    install(environment, f"{wheel}[onnxruntime]")
    onnx_file(tmp_path / "short.onnx", 2)
    onnx_file(tmp_path / "long.onnx", 3)
    assert measured(environment, tmp_path, "short=short.onnx", "long=long.onnx") >= {"short", "long"}
