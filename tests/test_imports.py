"""What lies in the current folder, or beside a program, replaces no library in any process of ironlaw."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ironlaw import child
from ironlaw.recording import load
from tests.docs.pages import ROOT

PLANTED = ("torch", "numpy", "json", "socket", "msgspec", "click", "onnx", "pathlib")
MODEL = """
import helper

def build():
    import onnxscript  # which imports onnx
    return helper.answer, [(1,), (2,)]
"""


def planted(folder: Path, names: tuple[str, ...] = PLANTED) -> Path:
    """A folder with modules of these names, each of which leaves a trace when it is imported."""
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / f"{name}.py").write_text(
            f"open({str(folder / 'ran')!r}, 'a').write('{name} ')\nraise SystemExit(9)\n"
        )
    return folder


def ironlaw(
    *words: str, cwd: Path, python: tuple[str, ...] = ("-P", "-m", "ironlaw")
) -> subprocess.CompletedProcess[str]:
    """The command line, in that folder."""
    settings = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [sys.executable, *python, *words], cwd=cwd, env=settings, capture_output=True, text=True, check=False
    )


def test_doctor_imports_nothing_from_the_current_folder(tmp_path: Path) -> None:
    folder = planted(tmp_path / "here")
    ran = ironlaw("doctor", "--seconds", "1", "--json", cwd=folder)
    assert ran.returncode == 0, ran.stderr
    assert not (folder / "ran").exists()


def test_a_run_imports_nothing_from_the_current_folder_nor_from_beside_the_program(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    folder = planted(tmp_path / "here")
    (folder / "model.py").write_text(MODEL)
    (folder / "helper.py").write_text("def answer(number):\n    return number\n")
    words = ["--arm", "own=model.py:build", "--n", "4", "--replicates", "2", "--experiments", "none", "--no-counters"]
    ironlaw("run", *words, "--out", "run.jsonl", cwd=folder)
    assert not (folder / "ran").exists(), (folder / "ran").read_text()
    recording = load(folder / "run.jsonl")
    assert not recording.failures
    assert recording.readings  # and the program found its neighbour


def test_python_m_ironlaw_leaves_the_current_folder_before_it_imports(tmp_path: Path) -> None:
    folder = planted(tmp_path / "here", ("click", "msgspec", "rich", "importlib_metadata", "json"))
    ran = ironlaw("--help", cwd=folder, python=("-m", "ironlaw"))
    assert ran.returncode == 0, ran.stderr
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("name", ["numpy", "json"])
def test_a_program_that_imports_a_neighbour_with_a_librarys_name_is_refused(name: str, tmp_path: Path) -> None:
    folder = planted(tmp_path / "here", (name,))
    (folder / "model.py").write_text("import package.inner\n\ndef build(): ...\n")
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("")
    (folder / "package" / "inner.py").write_text(f"import {name}\n")
    ran = ironlaw("run", "model.py:build", cwd=folder)
    assert ran.returncode == 2
    assert f"imports {name}, which is" in ran.stderr
    assert f"rename your file or folder {name}" in ran.stderr
    assert not (folder / "ran").exists()


def test_a_package_in_the_current_folder_that_is_installed_too_is_refused(tmp_path: Path) -> None:
    (tmp_path / "click").mkdir()
    (tmp_path / "click" / "__init__.py").write_text("def build(): ...\n")
    ran = ironlaw("run", "click:build", cwd=tmp_path)
    assert ran.returncode == 2
    assert "and also" in ran.stderr


def test_children_find_ironlaw_where_it_runs_from_its_own_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "src")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert child.variables()["PYTHONPATH"] == str(ROOT / "src")
    monkeypatch.chdir(ROOT)
    assert "PYTHONPATH" not in child.variables()
