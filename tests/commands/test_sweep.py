"""ironlaw sweep from the command line, with scripted cells."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ironlaw import cli
from ironlaw.commands import sweep as command
from ironlaw.fact import Ended, Ending
from ironlaw.recording import load
from ironlaw.sweep.cell import Cell, Model
from ironlaw.watcher import Unwatched, Watcher
from tests.sweep.scripted import ScriptedRunner, entries, plan

PLAN = """
models = ["resnet18"]
arms = ["fp32", "int8"]
threads = [1, 2]
n = 10
replicates = 5
"""
GOLDEN = Path(__file__).parents[1] / "golden" / "with-pmu.jsonl"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.toml").write_text(PLAN)

    def go(*arguments: str, runner: ScriptedRunner | None = None) -> tuple[int, str, str]:
        chosen = runner or ScriptedRunner(journal=tmp_path / "journal")
        monkeypatch.setattr(command, "CellRunner", lambda: chosen)
        code = cli.run(["sweep", *arguments])
        reported = capsys.readouterr()
        return code, reported.out, reported.err

    return go


def test_a_sweep_measures_every_cell_and_draws_the_map(run: Run, tmp_path: Path) -> None:
    code, out, err = run("plan.toml")
    assert code == 0
    assert "2 of 2 cells are measured." in out
    assert "2 cells to measure" in err
    folder = tmp_path / "ironlaw-sweeps" / "plan"
    assert len(list(folder.glob("*.jsonl"))) == 2
    assert {path.suffix for path in folder.glob("break-even.*")} == {".html", ".csv", ".json"}


def test_json_is_one_object(run: Run) -> None:
    code, out, _ = run("plan.toml", "--json")
    assert code == 0
    assert [gain["difference"] for gain in json.loads(out)["gains"]] == ["faster", "faster"]


def test_a_second_sweep_measures_nothing(run: Run, tmp_path: Path) -> None:
    run("plan.toml")
    before = entries(tmp_path / "journal")
    assert run("plan.toml")[0] == 0
    assert entries(tmp_path / "journal") == before


def test_the_map_alone_measures_nothing_and_names_what_is_missing(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("plan.toml", "--map")
    assert code == 3
    assert "not measured yet" in out
    assert not (tmp_path / "journal").exists()


class _Failing(ScriptedRunner):
    """Cannot measure two threads."""

    def measure(self, cell: Cell, out: Path, watcher: Watcher) -> None:
        if cell.threads == 2:
            raise ValueError("no such kernel")
        super().measure(cell, out, watcher)


def test_a_failing_cell_says_why_the_others_go_on_and_the_exit_code_is_3(run: Run, tmp_path: Path) -> None:
    code, out, err = run("plan.toml", runner=_Failing(journal=tmp_path / "journal"))
    assert code == 3
    assert "1 of 2 cells are measured." in out
    assert "ValueError: no such kernel" in " ".join(out.split())
    assert "no such kernel" in err
    assert run("plan.toml")[0] == 0  # fixed: only that one is measured
    assert len(entries(tmp_path / "journal")) == 4


class _Interrupted(ScriptedRunner):
    """Ctrl-C in the second cell."""

    def measure(self, cell: Cell, out: Path, watcher: Watcher) -> None:
        if cell.threads == 2:
            raise KeyboardInterrupt
        super().measure(cell, out, watcher)


def test_ctrl_c_keeps_what_is_there_and_says_how_to_go_on(run: Run, tmp_path: Path) -> None:
    code, _, err = run("plan.toml", runner=_Interrupted(journal=tmp_path / "journal"))
    assert code == 3
    assert "stopped; 1 of 2 cells are measured and kept" in err
    assert "to continue: ironlaw sweep plan.toml" in err
    assert len(list((tmp_path / "ironlaw-sweeps" / "plan").glob("*.jsonl"))) == 1
    assert run("plan.toml")[0] == 0


def test_a_host_that_this_machine_is_not_is_refused_before_anything_runs(run: Run, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(PLAN + 'hosts = ["arch:aarch64"]\n')
    code, _, err = run("plan.toml")
    assert code == 2
    assert "asks for the host arch:aarch64, which this machine is not" in err
    assert not (tmp_path / "journal").exists()


def test_a_wrong_plan_is_exit_code_2_with_its_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(PLAN.replace("threads", "treads"))
    code, _, err = run("plan.toml")
    assert code == 2
    assert "plan.toml line 4: there is no key 'treads'" in err
    assert "did you mean threads" in err
    assert not (tmp_path / "ironlaw-sweeps").exists()


def test_a_recording_that_was_interrupted_is_not_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    recording = replace(load(GOLDEN), ended=Ended(why=Ending.INTERRUPTED, elapsed_s=1.0))
    monkeypatch.setattr("ironlaw.record", lambda *_, **__: recording)
    cell = replace(next(plan(tmp_path).cells()), model=Model(source="mobilenet_v2", name="net"))
    with pytest.raises(KeyboardInterrupt):
        command.CellRunner().measure(cell, tmp_path / "out.jsonl", Unwatched())
