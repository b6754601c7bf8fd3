"""A cause is one file: added to a copy of the package, it is listed, planned, measured, judged and reported."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ironlaw

CAUSE = '''
"""warp-stalls: stated for this test."""

from ironlaw.cause import Cause, Part
from ironlaw.experiment import Switch
from ironlaw.observed import Observed


class WarpStalls(Cause):
    """A cause that no other file knows."""

    slug = "warp-stalls"
    title = "stalled warps"
    mechanism = "a warp stalls at every inference"
    part = Part.SLOWER
    example = "none but this one"
    switches = (Switch(cause=slug, factor="denormals", level="flushed"),)

    def shows(self, arm: Observed) -> bool:
        return arm.census.get("warps", 0.0) > 0

    def excludes(self, arm: Observed) -> str:
        return "it has no warps" if arm.census.get("warps") == 0 else ""


CAUSE = WarpStalls()
'''
# The command line with a stage that states its readings: arm a has warps, which flushing takes away.
COMMAND = """
import sys
from ironlaw import cli
from ironlaw.measure import processes
from ironlaw.measure.scripted import ArmScript, Burden, Script, ScriptedStage

warps = Burden(factor="denormals", level="flushed", user_instructions=25e6, census={"warps": 1.0})
script = Script(arms={"a": ArmScript(burdens=(warps,)), "b": ArmScript(census={"warps": 0.0})}, turn_noise=0.002)


class Stated(ScriptedStage):
    def close(self):
        pass


processes.ProcessStage = lambda plan: Stated(script)
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A folder with a copy of the package that has one file more, and two programs."""
    package = tmp_path / "ironlaw"
    shutil.copytree(Path(ironlaw.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "causes" / "warp_stalls.py").write_text(CAUSE)
    (tmp_path / "command.py").write_text(COMMAND)
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text("def build():\n    return print, [('x',)]\n")
    return tmp_path


def printed(folder: Path, *command: str) -> str:
    """What a command prints that imports the copy."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    made = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    return made.stdout


def test_a_cause_that_is_added_as_one_file_is_offered_tested_reported_and_in_the_catalogue(copied: Path) -> None:
    assert "warp-stalls" in printed(copied, "-m", "ironlaw", "run", "--help")
    assert "| `warp-stalls` | a warp stalls at every inference | `denormals=flushed` in" in printed(
        copied, "-m", "ironlaw.report.catalogue"
    )
    options = ("--experiments", "warp-stalls", "--replicates", "6", "--n", "60", "--out", "made.jsonl", "--no-layers")
    report = printed(copied, "command.py", "run", "--arm", "a=a.py:build", "--arm", "b=b.py:build", *options)
    assert "Stalled warps: confirmed." in report
    assert "b was not switched: it has no warps" in report or "B was not switched: it has no warps" in report
    gate = ("compare", "made.jsonl", "--fail-if", "cause:warp-stalls")
    broken = subprocess.run(
        [sys.executable, "-m", "ironlaw", *gate],
        cwd=copied,
        env={**os.environ, "PYTHONPATH": str(copied)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert broken.returncode == 1
    assert "warp-stalls" in broken.stdout + broken.stderr
