"""Exit codes as documented: 0 done, 1 a gate failed, 2 bad usage or input, 3 the run could not be completed."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

import ironlaw
from ironlaw.cli import COMMANDS, run
from ironlaw.commands.run import exit_code
from ironlaw.errors import ArmFailed, ExitCode, IronlawError, RunIncomplete
from ironlaw.fact import Ended, Ending, Failure
from ironlaw.recording import load

GOLDEN = Path(__file__).parents[1] / "golden"
WHOLE, CUT = str(GOLDEN / "without-pmu.jsonl"), str(GOLDEN / "cut-short.jsonl")
DOCUMENTED = Path(__file__).parents[2] / "docs" / "exit-codes.md"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_of_every_command_is_done_and_fits_80_columns(
    command: str, option: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run([command, option]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Usage: ironlaw {command} ")
    assert max(map(len, said.splitlines())) <= 80


def test_version_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert version("ironlaw") in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", WHOLE],
        ["explain", CUT, "--json"],
        ["explain", WHOLE, "--quiet"],
        ["compare", WHOLE, WHOLE, "--fail-if", "time>+50%"],
        ["completion", "bash"],
    ],
)
def test_what_could_be_done_is_0(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 0
    assert capsys.readouterr().err == ""


def test_gate_that_failed_is_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", WHOLE, WHOLE, "--fail-if", "instructions>+1%"]) == 1
    assert "cannot be judged" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["explai"],
        ["explain"],
        ["explain", "--nonsense", WHOLE],
        ["explain", "no-such-file.jsonl"],
        ["explain", __file__],
        ["explain", WHOLE, "--control", "int9"],
        ["explain", "--table", "--perf-stat", WHOLE],
        ["report", WHOLE],
        ["report", WHOLE, "-o", "/no/such/folder/report.html"],
        ["bundle", "no-such-file.jsonl"],
        ["bundle", WHOLE, "-o", "/no/such/folder/bundle.md"],
        ["compare", WHOLE, WHOLE],
        ["completion", "cmd"],
        ["run", "no_such_model_anywhere"],
        ["run", "--arms", "int9"],
        ["run", "--budget", "soon"],
        ["run", "--precision", "narrow"],
        ["run", "--report", "/no/such/folder/report.html"],
        ["doctor", "--seconds", "-1"],
    ],
)
def test_bad_usage_or_input_is_2_in_two_lines(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    said = err.splitlines()
    assert len(said) == 2
    assert said[0].startswith("ironlaw: ")
    assert re.match(r"   hint: \S", said[1])


def test_no_command_is_2_and_shows_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == ExitCode.BAD_INPUT
    said = capsys.readouterr().err
    assert said.startswith("Usage: ironlaw ")
    assert all(command in said for command in COMMANDS)


def test_mistyped_option_is_answered_with_the_closest_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "--verbos", WHOLE]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "ironlaw: unknown option --verbos",
        "   hint: did you mean --verbose?",
    ]


def test_run_that_ended_early_or_lost_an_arm_is_3() -> None:
    whole = load(WHOLE)
    assert exit_code(whole) == ExitCode.DONE
    assert exit_code(load(CUT)) == 3
    stopped = Ended(why=Ending.INTERRUPTED, elapsed_s=1.0)
    assert exit_code(replace(whole, ended=stopped)) == ExitCode.INCOMPLETE
    failure = Failure(arm="int8", replicate=0, stage="turn", reason="signal 11")
    assert exit_code(replace(whole, failures=(failure,))) == ExitCode.INCOMPLETE


@pytest.mark.parametrize("error", [ArmFailed, RunIncomplete])
def test_error_while_running_is_3(
    error: type[IronlawError], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error("every arm failed", hint="see the reasons")

    monkeypatch.setattr(ironlaw, "record", fail)
    assert run(["run", "--arms", "fp32,int8", "--quiet", "--out", str(tmp_path / "r.jsonl")]) == 3
    assert capsys.readouterr().err.splitlines() == ["ironlaw: every arm failed", "   hint: see the reasons"]


def test_interrupt_before_anything_was_measured_is_3(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ironlaw, "record", interrupt)
    assert run(["run", "--arms", "fp32,int8", "--quiet", "--out", str(tmp_path / "r.jsonl")]) == 3
    assert capsys.readouterr().err.splitlines()[-2] == "ironlaw: interrupted"


def test_every_code_is_documented() -> None:
    rows = dict(re.findall(r"^\| (\d) \| (.+?) \|", DOCUMENTED.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {int(code) for code in rows} == {int(code) for code in ExitCode}


@pytest.mark.parametrize(
    ("shell", "sign"), [("bash", "complete -o"), ("zsh", "compdef"), ("fish", "complete --no-files")]
)
def test_completion_prints_a_script_for_the_shell(shell: str, sign: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    said = capsys.readouterr().out
    assert sign in said
    assert "_IRONLAW_COMPLETE" in said


@pytest.mark.parametrize(
    ("words", "expected"),
    [("ironlaw expl", "explain"), ("ironlaw explain --verb", "--verbose"), ("ironlaw compare --if", "--if-missing")],
)
def test_shell_is_given_what_completes_the_word(
    words: str, expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_IRONLAW_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    with pytest.raises(SystemExit) as ended:
        run([])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"plain,{expected}\n"
