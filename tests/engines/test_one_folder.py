"""An engine is one folder: that of the documentation, added to a copy of the package, runs from the command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ironlaw
from tests.docs.pages import snippets

PROGRAMS = """
import torch


class Gram(torch.nn.Module):
    def forward(self, x):
        return x @ x.T


def build():
    generator = torch.Generator().manual_seed(0)
    return Gram(), [(torch.randn(8, 64, generator=generator),) for _ in range(8)]
"""


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A folder with a copy of the package that has one folder more, and a program."""
    package = tmp_path / "ironlaw"
    shutil.copytree(Path(ironlaw.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    folder = package / "engines" / "identity"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    texts = [item.text for item in snippets("python")]
    for name, holds in (("declaration", "DECLARATION = "), ("execution", "def prepare(")):
        [text] = [text for text in texts if holds in text]
        (folder / f"{name}.py").write_text(text)
    [template] = [item.text for item in snippets("jinja")]
    (folder / "infer.py.jinja").write_text(template)
    (tmp_path / "programs.py").write_text(PROGRAMS)
    return tmp_path


def printed(folder: Path, *words: str) -> str:
    """What a command line of the copy prints."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    command = [sys.executable, "-m", "ironlaw", *words]
    made = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return made.stdout


def test_an_engine_that_is_added_as_one_folder_is_offered_run_reported_and_exported(copied: Path) -> None:
    assert "identity" in printed(copied, "run", "--help")
    arms = ("run", "programs.py:build", "--arms", "fp32,fp32@identity")
    short = ("--n", "40", "--replicates", "2", "--experiments", "none", "--no-counters", "--no-layers")
    shown = printed(copied, *arms, *short, "--out", "made.jsonl")
    assert "fp32@identity" in shown
    printed(copied, "report", "made.jsonl", "--out", "made.html")
    assert "fp32@identity" in (copied / "made.html").read_text()
    printed(copied, "export", "fp32@identity", "--from", "made.jsonl", "--run-its-code", "--output", "written")
    ran = subprocess.run(
        [sys.executable, "written/infer.py"], cwd=copied, env={**os.environ, "PYTHONPATH": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "float32 8x8" in ran.stdout, ran.stderr
    refused = subprocess.run(
        [sys.executable, "-m", "ironlaw", "run", "programs.py:build", "--arms", "fp32@identities"],
        cwd=copied, env={**os.environ, "PYTHONPATH": str(copied)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "did you mean identity" in refused.stderr


NAMED = """
from ironlaw.engine import Declaration, Offer
from ironlaw.role import Role

DECLARATION = Declaration(
    title="identity", remedy="", extra="torch", offers={"fp32": Offer(reads=("isa",))},
    operators={Role.CONV: ("slidingdot",), Role.RELU: ("ramp",)},
)
"""


def test_an_engine_that_is_added_as_one_folder_is_in_the_catalogue_by_what_it_can_switch(copied: Path) -> None:
    (copied / "ironlaw" / "engines" / "identity" / "declaration.py").write_text(NAMED)
    environment = {**os.environ, "PYTHONPATH": str(copied)}
    command = [sys.executable, "-m", "ironlaw.report.catalogue"]
    page = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert [line.split("`")[1] for line in page.splitlines() if "identity" in line] == ["simd-density"]


def test_an_engine_that_is_added_as_one_folder_names_its_own_operators(copied: Path) -> None:
    show = "from ironlaw.analysis.layers.operators import roles; print(*sorted(roles('SlidingDot2d_Ramp')))"
    environment = {**os.environ, "PYTHONPATH": str(copied)}
    command = [sys.executable, "-c", show]
    before = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    (copied / "ironlaw" / "engines" / "identity" / "declaration.py").write_text(NAMED)
    after = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    assert (before, after) == ("slidingdot2d_ramp", "conv relu")
