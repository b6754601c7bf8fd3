"""ironlaw layers --answers: what is replayed, and what is shown of a recording that holds replays."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironlaw import cli
from ironlaw.arm import Arm
from ironlaw.lines import encode
from ironlaw.measure.replaying import afterwards
from ironlaw.missing import Missing
from ironlaw.plan import Plan
from ironlaw.recording import load
from ironlaw.replay import Replay
from tests.analysis.sensitivity.replays import layer, replay
from tests.commands.test_layers import with_layers

INT8_ARM = "int8"
FAILED = Replay(arm=INT8_ARM, layers=Missing("out of memory"))
MADE = replay(layer("conv", 3.0), layer("pw", 1.0), arm=INT8_ARM)


def holding(path: Path, *replays: Replay) -> Path:
    """A recording with these replays."""
    *lines, last = with_layers(path).read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, *(encode(one) + b"\n" for one in replays), last]))
    return path


@pytest.fixture
def replayed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arms that were replayed, by a replay that needs no model."""
    found: list[str] = []

    def replay_of(plan: Plan, arm: Arm, within_s: float) -> Replay:
        found.append(arm.name)
        return MADE

    monkeypatch.setattr(afterwards, "replay_of", replay_of)
    return found


def test_a_replay_that_failed_is_tried_again_and_its_reason_shown(
    tmp_path: Path, replayed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = holding(tmp_path / "run.jsonl", FAILED), tmp_path / "again.jsonl"
    assert cli.run(["layers", str(file), "--answers", "--run-its-code", "--out", str(out)]) == 0
    shown = capsys.readouterr()
    assert replayed == [INT8_ARM]
    assert "out of memory; it is tried again" in shown.err
    assert "conv costs the answers most" in shown.out
    assert len(load(out).replays) == 2


def test_a_replay_that_the_recording_holds_is_shown_as_it_is(
    tmp_path: Path, replayed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    file = holding(tmp_path / "run.jsonl", MADE, FAILED)
    assert cli.run(["layers", str(file), "--answers"]) == 0
    assert not replayed
    assert "conv costs the answers most" in capsys.readouterr().out


def test_a_replay_of_whole_answers_is_none_of_layers(tmp_path: Path, replayed: list[str]) -> None:
    answers = Replay(arm=INT8_ARM, layers=Missing("only its answers were compared"), only_answers=True)
    file, out = holding(tmp_path / "run.jsonl", answers), tmp_path / "more.jsonl"
    assert cli.run(["layers", str(file), "--answers", "--run-its-code", "--out", str(out)]) == 0
    assert replayed == [INT8_ARM]
