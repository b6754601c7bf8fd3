"""docs/trust.md, what of it can be run: which process runs what, and what no process does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ironlaw.recording import load
from tests.docs.pages import ROOT

MODEL = """
import os
open("ran", "a").write(f"{os.getpid()} ")

def same(number):
    return number

def build():
    return same, [(1,), (2,)]
"""


def typed(*words: str, cwd: Path) -> tuple[int, str, int]:
    """The exit code, the errors, and the number of the process of a command line."""
    settings = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "ironlaw", *words], cwd=cwd, env=settings, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        _, said = process.communicate()
    return process.returncode, said, process.pid


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A folder with a program and a recording of it, and the process that made the recording."""
    folder = tmp_path_factory.mktemp("trust")
    (folder / "model.py").write_text(MODEL)
    words = ["--n", "4", "--replicates", "2", "--experiments", "none", "--no-counters", "--out", "run.jsonl"]
    code, said, pid = typed("run", "--arm", "own=model.py:build", *words, cwd=folder)
    assert code == 0, said
    return folder, pid


def test_a_program_runs_in_child_processes_only(measured: tuple[Path, int]) -> None:
    folder, pid = measured
    ran = (folder / "ran").read_text().split()
    assert ran
    assert str(pid) not in ran


@pytest.mark.parametrize(
    "words",
    [
        ("explain", "run.jsonl"),
        ("report", "run.jsonl", "-o", "out.html"),
        ("bundle", "run.jsonl"),
        ("history", "."),
        ("export", "own", "--from", "run.jsonl", "-o", "out"),
    ],
)
def test_what_reads_a_recording_runs_nothing_of_it(words: tuple[str, ...], measured: tuple[Path, int]) -> None:
    folder, _ = measured
    before = (folder / "ran").read_text()
    _, said, _ = typed(*words, cwd=folder)
    assert "Traceback" not in said
    assert (folder / "ran").read_text() == before


def test_a_program_is_checked_without_being_run(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    code, said, _ = typed("run", "model.py:biuld", cwd=tmp_path)
    assert code == 2
    assert "did you mean build" in said
    assert not (tmp_path / "ran").exists()


def test_prepared_models_are_deleted_after_a_run(measured: tuple[Path, int]) -> None:
    folder, _ = measured
    assert not load(folder / "run.jsonl").failures
    assert {path.name for path in folder.iterdir()} >= {"model.py", "run.jsonl"}
    for prepared in load(folder / "run.jsonl").prepared:
        assert not Path(prepared.prepared.path).parent.exists()


def test_code_that_comes_with_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("AutoConfig", "AutoModel", "AutoTokenizer", "AutoImageProcessor"):
        (folder / f"{name.lower()}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass\n")
    own = {name: f"{name.lower()}.Own" for name in ("AutoConfig", "AutoModel")}
    (folder / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": own}))
    words = ["--n", "4", "--replicates", "2", "--experiments", "none", "--no-counters", "--arms", "fp32"]
    code, said, _ = typed("run", str(folder), *words, cwd=tmp_path)
    assert code in (2, 3), said
    assert "Traceback" not in said
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("call", ["register_custom_ops_library", "trust_remote_code=True", "torch.hub.load("])
def test_calls_that_would_run_foreign_code_are_nowhere(call: str) -> None:
    assert [path for path in (ROOT / "src").rglob("*.py") if call in path.read_text()] == []
