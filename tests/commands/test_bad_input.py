"""Whatever a command line is given ends in two lines and a documented code: never a traceback, a nan or a hang."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw import cli
from ironlaw.analysis.imported.published import explain_table
from ironlaw.attached.perf_format import parse
from ironlaw.cli import run
from ironlaw.errors import ExitCode, IronlawError
from tests.fuzzing import fuzzed

GOLDEN = Path(__file__).parents[1] / "golden"
WHOLE = str(GOLDEN / "without-pmu.jsonl")
PERF = sorted(path for path in (Path(__file__).parents[1] / "analysis/data").iterdir() if path.suffix != ".md")


def _fails(*_: object, **__: object) -> None:
    raise KeyError("an unforeseen\nerror")


def test_error_that_was_not_foreseen_is_two_lines_and_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(cli.SHOWS_TRACEBACK, raising=False)
    monkeypatch.setattr("ironlaw.explain", _fails)
    assert run(["explain", WHOLE]) == ExitCode.BAD_INPUT
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("ironlaw: KeyError at test_bad_input.py:")
    assert "IRONLAW_TRACEBACK=1" in second


def test_traceback_is_printed_on_request(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv(cli.SHOWS_TRACEBACK, "1")
    monkeypatch.setattr("ironlaw.explain", _fails)
    assert run(["explain", WHOLE]) == ExitCode.BAD_INPUT
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("descriptors", "arguments", "code"),
    [
        (12, ["explain", WHOLE], ExitCode.DONE),
        (7, ["doctor"], ExitCode.BAD_INPUT),
        (12, ["run", "net.py:build", "--out", "run.jsonl", "--quiet"], ExitCode.BAD_INPUT),
        (8, ["run", "net.py:build", "--out", "run.jsonl", "--quiet"], ExitCode.BAD_INPUT),
    ],
)
def test_too_few_descriptors_are_two_lines_and_nothing_is_left(
    descriptors: int, arguments: list[str], code: ExitCode, tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_text("def build(): return (lambda x: x), [(1,)]\n")
    command = ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", sys.executable, "-m", "ironlaw", *arguments]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == code
    if code:
        *_, first, second = ended.stderr.splitlines()
        assert first.startswith("ironlaw: ")
        assert "files" in first.lower()
        assert second == "   hint: raise the limit: ulimit -n 1024"
    assert not (tmp_path / "run.jsonl").exists()


def test_a_plan_whose_folder_has_too_long_a_name_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(f'models = ["resnet18"]\narms = ["fp32", "int8"]\nbudget = 5\nout = "{"c" * 300}"\n')
    assert run(["sweep", str(plan), "--map"]) == 2
    assert "File name too long" in capsys.readouterr().err


@pytest.mark.parametrize("name", [".", "..", "x" * 300])
@pytest.mark.parametrize("command", ["bundle", "history", "explain", "report", "layers", "compare"])
def test_what_names_no_file_is_refused(command: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, name, *(["--model", "x"] if command == "history" else [])]) in (0, 2)
    assert "bug in ironlaw" not in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_characters_that_the_encoding_lacks_are_printed_by_number(encoding: str) -> None:
    reported = subprocess.run(
        [sys.executable, "-m", "ironlaw", "compare", WHOLE, WHOLE, "--fail-if", "time>+50%"],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert (reported.returncode, reported.stderr) == (0, b"")
    assert b"\\u2713 held" in reported.stdout


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_recording_is_read_from_a_pipe(options: list[str]) -> None:
    words = " ".join([f"cat '{WHOLE}' | '{sys.executable}' -m ironlaw explain /dev/stdin", *options])
    reported = subprocess.run(["sh", "-c", words], capture_output=True, check=False)
    assert (reported.returncode, reported.stderr) == (0, b"")


@pytest.mark.parametrize("options", [["--table"], []])
def test_device_without_end_is_refused(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", *options, "/dev/zero"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize("target", ["/dev/zero", "pipe", "long"])
@pytest.mark.parametrize("words", [["--labels", "{}"], ["{}:build"], ["--arm", "a={}"]])
def test_a_file_of_the_users_is_read_no_further_than_such_a_file_goes(
    target: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ironlaw.models.labels.MOST_BYTES_OF_LABELS", 10)
    monkeypatch.setattr("ironlaw.models.sources.MOST_BYTES_OF_SOURCE", 10)
    ending = ".txt" if "--labels" in words else ".onnx" if "--arm" in words else ".py"
    named = tmp_path / f"named{ending}"
    match target:
        case "pipe":
            os.mkfifo(named)
        case "long" if ending == ".onnx":
            named.mkdir()
        case "long":
            named.write_bytes(b"#" * 11)
        case _:
            named.symlink_to(target)
    assert run(["run", *(word.format(named) for word in words)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert said[0].startswith("ironlaw: cannot read ")


@pytest.mark.parametrize("text", ["[" * 100_000, "-" * 200_000 + "1"])
def test_a_program_nested_beyond_python_is_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.py").write_text(f"def build():\n    return {text}\n")
    assert run(["run", f"{tmp_path}/net.py:build"]) == 2
    assert "fault of ironlaw" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "row", ["a,1e-320,0.5", "a,1,1e308", "a,1e300,1", "a,1,1e-200", "a,nan,1", "a,1,inf", "a," + "9" * 5000 + ",1"]
)
def test_table_beyond_measurement_is_refused(row: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "table.csv"
    table.write_text(f"arm,time_s,ipc\n{row}\nb,2,1\n")
    assert run(["explain", "--table", str(table)]) == 2
    out = capsys.readouterr()
    assert out.out == ""
    assert "row 2" in out.err


def test_time_with_two_points_is_no_number_of_perf_stat(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = next(path for path in PERF if path.name == "real-6.1-mmap.txt").read_text()
    files = [tmp_path / "a.txt", tmp_path / "b.txt"]
    files[0].write_text(text + "\n       1.20.5 seconds user\n")
    files[1].write_text(text)
    assert run(["explain", "--perf-stat", *map(str, files)]) == 2
    assert "'1.20.5'" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["seed = inf", "seed = " + "9" * 5000, "seed = 1e300", "x = " + "[" * 5000])
def test_plan_beyond_numbers_is_refused(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(f'models = ["resnet18"]\narms = ["fp32", "int8"]\nbudget = 5\n{line}\n')
    assert run(["sweep", str(plan), "--map"]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 2
    assert "bug in ironlaw" not in err


def test_model_of_300_characters_is_no_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "x" * 300, "--budget", "1"]) == 2
    assert "there is no model" in capsys.readouterr().err


def _odd(folder: Path, kind: str) -> None:
    odd = folder / "odd.jsonl"
    match kind:
        case "dangling":
            odd.symlink_to(folder / "nowhere")
        case "loop":
            odd.symlink_to(odd)
        case "pipe":
            os.mkfifo(odd)
        case "device":
            odd.symlink_to("/dev/zero")
        case "bytes":
            (folder / "odd\udcff.jsonl").write_text("nonsense")


@pytest.mark.parametrize("kind", ["dangling", "loop", "pipe", "device", "bytes"])
def test_odd_file_of_a_history_is_named_and_loses_nothing(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("duckdb")
    (tmp_path / "whole.jsonl").write_bytes(Path(WHOLE).read_bytes())
    _odd(tmp_path, kind)
    assert run(["history", str(tmp_path), "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert answer["comparisons"] > 0
    [problem] = answer["unreadable"]
    assert problem["file"].startswith("odd")


def test_columns_of_one_name_are_both_answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("duckdb")
    (tmp_path / "whole.jsonl").write_bytes(Path(WHOLE).read_bytes())
    assert run(["history", str(tmp_path), "--sql", "select 1 as a, 2 as a", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == [{"a": 1, "a_2": 2}]


def test_select_of_what_is_no_number_is_null(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("duckdb")
    (tmp_path / "whole.jsonl").write_bytes(Path(WHOLE).read_bytes())
    assert run(["history", str(tmp_path), "--sql", "select 'nan'::float as a", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == [{"a": None}]


PIECES = [
    "",
    "-1",
    "1.20.5",
    "9" * 400,
    "nan",
    "1e999",
    "\u0663",
    "\u00a0",
    ",",
    ";",
    "%",
    "+-",
    "(",
    "<not counted>",
    "\0",
    "\n",
    "#",
]
FUZZED = fuzzed(200)


def _damaged(text: str, start: float, removed: int, inserted: str) -> str:
    at = int(start * len(text))
    return text[:at] + inserted + text[at + removed :]


@FUZZED
@given(path=st.sampled_from(PERF), start=st.floats(0, 1), removed=st.integers(0, 12), inserted=st.sampled_from(PIECES))
def test_damaged_output_of_perf_stat_is_read_or_refused(path: Path, start: float, removed: int, inserted: str) -> None:
    try:
        parse(_damaged(path.read_text(), start, removed, inserted), named="saved")
    except IronlawError:
        return


@FUZZED
@given(start=st.floats(0, 1), removed=st.integers(0, 12), inserted=st.sampled_from(PIECES))
def test_damaged_table_is_explained_or_refused(start: float, removed: int, inserted: str) -> None:
    text = (Path(__file__).parent / "data/post.csv").read_text()
    try:
        explain_table(_damaged(text, start, removed, inserted), named="table")
    except IronlawError:
        return


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["a.onnx", "b.onnx"], "--arm a=a.onnx --arm b=b.onnx"),
        (["--arm", "a.onnx"], "hint: --arm a=a.onnx"),
        (["--arm", "model.py:build"], "hint: --arm a=model.py:build"),
    ],
)
def test_files_without_a_name_are_offered_as_arms(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["run", *words]) == 2
    assert hint in capsys.readouterr().err
