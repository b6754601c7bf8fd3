"""ironlaw run: what is wrong is said in two lines before anything is measured; Ctrl-C keeps what there is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ironlaw.arm import HANDED_OVER
from ironlaw.cli import run
from ironlaw.commands.run import Invocation
from ironlaw.fact import Ended, Ending
from ironlaw.recording import load
from ironlaw.running import Settings, default_out, plan_of
from tests.scripted import own


@pytest.fixture(autouse=True)
def _nothing_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise AssertionError("measuring began")

    monkeypatch.setattr("ironlaw.record", fail)
    monkeypatch.chdir(tmp_path)
    Path("taken.jsonl").write_text("another user's recording")
    Path("empty").mkdir()
    Path("texts").mkdir()
    Path("texts", "broken.jpg").write_text("no image")
    Path("model.py").write_text("def net(): ...\n")


@pytest.mark.parametrize(
    ("argv", "said", "offered"),
    [
        (["--arms", "fp32,int9"], "'int9' is not a precision", "int8"),
        (["--arms", "fp32,fp32"], "two arms are called 'fp32'", "name of its own"),
        (["--arms", "fp32,fp32+layot=channels_last"], "no factor 'layot'", "layout"),
        (["mobilenet_v9"], "no model 'mobilenet_v9'", "mobilenet_v2"),
        (["--n", "0"], "--n is 0", "--n 5000"),
        (["--threads", "0"], "--threads is 0", "--threads 1"),
        (["--budget", "-3"], "--budget is -3", "--budget 100"),
        (["--precision", "x"], "'x' is not a percentage", "--precision 2%"),
        (["--replicates", "0"], "replicates is 0", "at least 5"),
        (["--images", "nowhere"], "nowhere", "JPEG or PNG"),
        (["--images", "empty"], "holds no JPEG or PNG", "leave --images out"),
        (["--images", "texts"], "broken.jpg", "take it out"),
        (["--arm", "a=model.py:wrong"], "defines no 'wrong'", "net"),
        (["--arm", "model.py"], "is not NAME=", "--arm a="),
        (["--experiments", "page-fault"], "no experiment tests 'page-fault'", "page-faults"),
        (["--report", "nowhere/report.html"], "nowhere/report.html", "folder"),
        (["--threds", "2"], "--threds", "--threads"),
    ],
)
def test_bad_input_is_two_lines_and_exit_code_2(
    argv: list[str], said: str, offered: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["run", *argv]) == 2
    printed = capsys.readouterr()
    happened, hint = printed.err.strip().splitlines()
    assert printed.out == ""
    assert said in happened
    assert offered in hint


@pytest.mark.parametrize(
    ("typed", "arms"),
    [
        (["--arms", "fp32,int8", "--arm", "mine=model.py:make"], ["fp32", "int8", "mine"]),
        (["--arm", "mine=model.py:make", "--arms", "fp32,int8"], ["mine", "fp32", "int8"]),
        (["--arm", "b=model.py:make", "--seed", "1", "--arm", "a=model.py:make"], ["b", "a"]),
    ],
)
def test_the_first_arm_that_is_typed_is_the_control(
    typed: list[str], arms: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ironlaw.commands.run import run as command

    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(PROGRAM)
    given = command.make_context("run", typed).params
    assert [arm.name for arm in Invocation.of(given).settings.arms] == arms


def test_a_recording_of_programs_alone_is_of_them_and_of_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ironlaw.commands.run import run as command

    monkeypatch.chdir(tmp_path)
    for name in ("net.onnx", "net_q.onnx"):
        (tmp_path / name).write_bytes(b"some")
    given = command.make_context("run", ["--arm", "a=net.onnx", "--arm", "b=net_q.onnx"]).params
    invocation = Invocation.of(given)
    assert plan_of(invocation.settings).model == "net.onnx, net_q.onnx"
    assert invocation.out.name.startswith("a-b-")


def test_programs_handed_over_from_python_are_named_by_their_arms() -> None:
    arms = tuple(replace(own(name), factory=f"/deleted/{name}{HANDED_OVER}") for name in ("a", "b"))
    assert plan_of(Settings(arms=arms)).model == "a, b"


def test_a_model_file_gives_the_recording_a_name_without_its_folder() -> None:
    assert default_out("deep/in/net.py:build").parent == Path("ironlaw-runs")


def test_experiments_can_be_chosen_by_their_cause() -> None:
    from ironlaw.commands.run import run as command

    given = command.make_context("run", ["--experiments", "page-faults,denormals"]).params
    assert Invocation.of(given).settings.experiments == ("page-faults", "denormals")


# A shell that starts tests behind itself has them, and what they start, ignore Ctrl-C.
HEARING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import ironlaw.cli as c; c.main()"
PROGRAM = "def f(number):\n    return number\ndef make():\n    return f, [(1,), (2,)]\n"


def test_interrupted_it_shows_what_was_recorded_and_says_that_it_was_cut(tmp_path: Path) -> None:
    Path("program.py").write_text(PROGRAM)
    # By count, so that no budget ends it before the signal does, however slow the machine is.
    words = "run --arm a=program.py:make --arm b=program.py:make --experiments none --n 80 --no-layers --out cut.jsonl"
    running = subprocess.Popen(
        [sys.executable, "-c", HEARING, *words.split()],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "80"},
    )  # fmt: skip
    assert running.stderr is not None
    for line in running.stderr:
        if "starting replicate 2" in line:
            running.send_signal(signal.SIGINT)
            break
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 3
    assert "cut short" in out
    recording = load("cut.jsonl")
    assert isinstance(recording.ended, Ended)
    assert recording.ended.why is Ending.INTERRUPTED
    assert {reading.replicate for reading in recording.readings} >= {0}
