"""ironlaw compare: exit codes, reasons, JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ironlaw.cli import run
from ironlaw.lines import encode
from tests.analysis.stated import SPLIT_GROUP, Law, Noise, recording
from tests.golden.make import facts


@pytest.fixture
def recorded(tmp_path: Path) -> Any:
    """Writes a recording of fp32 and int8, int8 with that many cycles per instruction."""

    def write(name: str, *, cpi: float = 0.5, seed: int = 1, counted: bool = True) -> str:
        laws = {"fp32": Law(), "int8": Law(instructions=10e6, cpi=cpi)}
        groups = (SPLIT_GROUP,) if counted else ()
        fact = recording(laws, Noise(own=0.005, rounds=0.01), seed=seed, groups=groups)
        path = tmp_path / name
        path.write_bytes(b"".join(encode(one) + b"\n" for one in facts(fact)))
        return str(path)

    return write


def test_same_thing_twice_passes(recorded: Any, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = recorded("old.jsonl"), recorded("new.jsonl", seed=2)
    assert run(["compare", old, new, "--fail-if", "time>+3%", "--fail-if", "instructions>+1%"]) == 0
    out = capsys.readouterr()
    assert out.err == ""
    assert "held" in out.out
    assert "2.5 % of" in out.out


def test_slower_arm_fails_with_the_reason_on_stderr(recorded: Any, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = recorded("old.jsonl"), recorded("new.jsonl", cpi=0.6)
    assert run(["compare", old, new, "--fail-if", "time>+3%"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("ironlaw: time>+3% is broken by int8: time +")
    assert said[0].endswith("relative to fp32, against the old recording")
    assert said[1].startswith("   hint: ")


def test_what_was_not_counted_fails_unless_let_through(recorded: Any, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compare", recorded("old.jsonl"), recorded("new.jsonl", counted=False), "--fail-if", "instructions>+1%"]
    assert run(command) == 1
    assert "cannot be judged for int8: instructions were not counted" in capsys.readouterr().err
    assert run([*command, "--if-missing", "pass"]) == 0
    assert "instructions were not counted" in capsys.readouterr().out


def test_one_recording_is_judged_against_its_control(recorded: Any, capsys: pytest.CaptureFixture[str]) -> None:
    file = recorded("new.jsonl")
    assert run(["compare", file, "--fail-if", "time>-30%"]) == 0
    assert run(["compare", file, "--fail-if", "time>-60%"]) == 1
    assert "against fp32" in capsys.readouterr().err


def test_json_says_whether_it_passed_and_every_judgement(recorded: Any, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = recorded("old.jsonl"), recorded("new.jsonl", cpi=0.6)
    rules = ["--fail-if", "time>+3%", "--fail-if", "cause:page-faults"]
    assert run(["compare", old, new, *rules, "--json", "--if-missing", "pass"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["schema"], answer["passed"], answer["control"]) == (1, False, "fp32")
    time, cause = answer["judgements"]
    assert (time["rule"], time["arm"], time["ruling"]) == ("time>+3%", "int8", "broken")
    # (10e6 * 0.6 + 1e6) / (10e6 * 0.5 + 1e6) is a sixth more.
    assert time["change"]["low"] < 1 / 6 < time["change"]["high"]
    assert (cause["ruling"], cause["change"]) == ("unknown", {"missing": "no experiment ran"})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "0 recordings are named"),
        (["a", "b", "c", "--fail-if", "time>+3%"], "3 recordings are named"),
        (["a", "b"], "there is no rule"),
        (["a", "b", "--fail-if", "faster"], "'faster' is not a rule"),
        (["a", "--fail-if", "time>+3%", "--raw-clock"], "--raw-clock compares two recordings"),
        (["a", "b", "--fail-if", "time>+3%"], "cannot read a"),
    ],
)
def test_bad_usage_is_two_lines_and_code_2(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert said in lines[0]
    assert lines[1].startswith("   hint: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--fail-if", "cause:nonsense"],
        ["--fail-if", "time>+3%", "--fail-if", "cause:page-fault"],
        ["--fail-if", "times>+3%"],
        ["--fail-if", "time>+3%", "--arm", "int9"],
    ],
)
def test_misspelt_cause_quantity_or_arm_is_refused(
    arguments: list[str], recorded: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compare", recorded("new.jsonl"), *arguments]) == 2
    out = capsys.readouterr()
    assert out.out == ""
    assert len(out.err.splitlines()) == 2


@pytest.mark.parametrize("name", ["old", "a name that is much longer than a column of a table may be"])
def test_table_stays_within_80_columns(
    name: str, recorded: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run(["compare", recorded(name), recorded("n", counted=False), "--fail-if", "instructions>+1%"])
    assert max(len(line.rstrip()) for line in capsys.readouterr().out.splitlines()) <= 80
