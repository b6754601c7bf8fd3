"""What a file from elsewhere can make ironlaw do: nothing that was not asked for, and nothing to the terminal."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from rich.console import Console

import ironlaw
from ironlaw import cli
from ironlaw.errors import BadInput, RunIncomplete
from ironlaw.report.progress import ProgressBar
from ironlaw.text import plain, plain_json
from tests.commands.test_layers import with_layers

GOLDEN = Path(__file__).parents[1] / "golden" / "without-pmu.jsonl"
HOSTILE = "x\x1b[2J\x9b31m\u202egnp\u2066\x07\r\n# INJECTED"


def test_errors_of_the_python_interface_quote_names_escaped() -> None:
    with pytest.raises(BadInput) as raised:
        ironlaw.compare(f"net{HOSTILE}.py:build", ["fp32"])
    said = f"{raised.value}{raised.value.message}{raised.value.hint}"
    assert "INJECTED" in said
    assert said.isprintable()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A recording of one's own to risk."""
    path = tmp_path / "run.jsonl"
    path.write_bytes(GOLDEN.read_bytes())
    return path


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A recording with layers, in which an arm, the model, the CPU, layers and reasons have such a name."""
    path = with_layers(tmp_path / "hostile.jsonl")
    named = re.compile(r'("(?:arm|name|cpu|model|path)":"(?:int8|scripted|conv|bn)|was not read)(?=")')
    escaped = json.dumps(HOSTILE)[1:-1].replace("\\", "\\\\")
    path.write_text(named.sub(rf"\1{escaped}", path.read_text()))
    assert path.read_text().count("INJECTED") > 20
    return path


def ways(file: str) -> list[list[str]]:
    """Every command that shows a recording."""
    return [
        ["explain", file],
        ["explain", file, "--quiet"],
        ["explain", file, "--verbose"],
        ["explain", file, "--correlate"],
        ["explain", file, "--json"],
        ["explain", file, "--control", HOSTILE],
        ["layers", file],
        ["layers", file, "--all", "--work"],
        ["layers", file, "--csv"],
        ["layers", file, "--json"],
        ["compare", file, file, "--fail-if", "time>+3%"],
        ["export", HOSTILE, "--from", file, "-o", "somewhere"],
        ["explain", HOSTILE],
        ["run", HOSTILE],
        [HOSTILE],
        ["explain", "--" + HOSTILE],
    ]


def is_harmless(text: str) -> bool:
    """Whether a text drives no terminal, and has no line of a name's own making."""
    return all(letter.isprintable() or letter in "\n\N{NO-BREAK SPACE}" for letter in text) and "\n# INJ" not in text


@pytest.mark.parametrize("number", range(len(ways(""))))
def test_names_do_not_drive_the_terminal(number: int, hostile: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cli.run(ways(str(hostile))[number])
    out, err = capfd.readouterr()
    assert out + err
    assert is_harmless(out), repr(out)
    assert is_harmless(err), repr(err)


@pytest.mark.parametrize("ending", ["html", "md", "csv"])
def test_names_do_not_get_into_files_as_they_are(ending: str, hostile: Path, tmp_path: Path) -> None:
    out = tmp_path / f"out.{ending}"
    assert cli.run(["report", str(hostile), "-o", str(out)]) == 0
    assert is_harmless(out.read_text())


def test_names_do_not_get_into_a_bundle_as_they_are(hostile: Path, tmp_path: Path) -> None:
    assert cli.run(["bundle", str(hostile), "-o", str(tmp_path / "out.md")]) == 0
    assert is_harmless((tmp_path / "out.md").read_text())


def test_escaped_json_means_the_same() -> None:
    document = {"name": HOSTILE + "\U000e0041 ü 漢"}
    text = plain_json(json.dumps(document, ensure_ascii=False))
    assert text.isprintable()
    assert json.loads(text) == document


def test_escapes_say_what_was_there() -> None:
    assert plain("a\x1b[0m\u202e\n ü") == r"a\x1b[0m\u202e\n ü"


@pytest.mark.parametrize("command", ["report", "bundle"])
@pytest.mark.parametrize("by", ["name", "symlink", "hard link", "another spelling"])
def test_a_recording_is_not_overwritten_by_what_is_made_of_it(
    command: str, by: str, recording: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, other = recording.read_bytes(), recording.with_name("other.md")
    monkeypatch.chdir(recording.parent)
    match by:
        case "symlink":
            other.symlink_to(recording)
        case "hard link":
            os.link(recording, other)
        case "another spelling":
            other = Path("..") / recording.parent.name / recording.name
        case _:
            other = recording
    assert cli.run([command, str(recording), "-o", str(other)]) == 2
    assert "would overwrite" in capsys.readouterr().err
    assert recording.read_bytes() == before


def test_a_recording_is_not_written_over_the_program_that_it_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = "def build(): return abs, [(1,)]\n"
    (tmp_path / "net.py").write_text(program)
    (tmp_path / "link.jsonl").symlink_to("net.py")
    monkeypatch.chdir(tmp_path)
    assert cli.run(["run", "--arm", "a=net.py:build", "--out", "link.jsonl", "--force"]) == 2
    assert "link.jsonl would overwrite net.py" in capsys.readouterr().err
    with pytest.raises(BadInput, match="would overwrite"):
        ironlaw.compare({"a": "net.py:build"}, out="net.py", force=True, quiet=True)
    assert (tmp_path / "net.py").read_text() == program


def test_a_trace_does_not_overwrite_its_recording(hostile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = hostile.read_bytes()
    assert cli.run(["layers", str(hostile), "--trace", str(hostile)]) == 2
    assert "would overwrite" in capsys.readouterr().err
    assert hostile.read_bytes() == before


@pytest.mark.parametrize("other", ["run.jsonl", "./run.jsonl", "model.py"])
def test_a_report_is_not_written_over_its_recording_nor_its_model(
    other: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text("def build(): ...\n")
    assert cli.run(["run", "model.py:build", "--out", "run.jsonl", "--report", other]) == 2
    assert "would overwrite" in capsys.readouterr().err
    assert not Path("run.jsonl").exists()
    assert Path("model.py").read_text() == "def build(): ...\n"


def naming(program: str, recording: Path) -> Path:
    """The recording, as if of that program."""
    facts = []
    for line in recording.read_text().splitlines():
        fact = json.loads(line)
        if "plan" in fact:
            fact["plan"]["model"] = program
        facts.append(json.dumps(fact))
    recording.write_text("\n".join(facts) + "\n")
    return recording


@pytest.mark.parametrize("program", ["model.py:build", "package.module:build", "given.cloudpickle"])
def test_export_runs_a_recordings_program_only_when_asked(
    program: str, recording: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(recording.parent)
    monkeypatch.setattr("ironlaw.commands.export.write", lambda wish: [])
    words = ["export", "fp32", "--from", str(naming(program, recording)), "-o", "out"]
    assert cli.run(words) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert program in said[0]
    assert "--run-its-code" in said[1]
    assert cli.run([*words, "--run-its-code"]) == 0


def test_export_of_a_published_model_needs_no_leave(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recording.parent)
    monkeypatch.setattr("ironlaw.commands.export.write", lambda wish: [])
    assert cli.run(["export", "fp32", "--from", str(naming("resnet18", recording)), "-o", "out"]) == 0


def test_flips_run_a_recordings_program_only_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = naming("model.py:build", with_layers(tmp_path / "run.jsonl"))

    def refused(*given: object, **more: object) -> None:
        raise RunIncomplete("it would have run", hint="now")

    monkeypatch.setattr("ironlaw.record", refused)
    monkeypatch.chdir(tmp_path)
    assert cli.run(["layers", str(file), "--flip"]) == 2
    assert "--run-its-code" in capsys.readouterr().err
    assert cli.run(["layers", str(file), "--flip", "--run-its-code"]) == 3
    assert "it would have run" in capsys.readouterr().err


PLAN = 'models = ["resnet18"]\narms = ["fp32", "int8"]\nbudget = 10\nout = "{out}"\n'


@pytest.mark.parametrize("out", ["../elsewhere", "/elsewhere", "link/x"])
def test_a_sweep_writes_outside_its_folder_only_when_asked(
    out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, elsewhere = tmp_path / "plans", tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    plan = folder / "plan.toml"
    plan.write_text(PLAN.format(out=out.replace("/elsewhere", str(elsewhere)) if out.startswith("/") else out))
    assert cli.run(["sweep", str(plan), "--map"]) == 2
    assert "--out-anywhere" in capsys.readouterr().err
    assert not elsewhere.exists()
    assert not (tmp_path / "x").exists()
    assert cli.run(["sweep", str(plan), "--map", "--out-anywhere"]) == 3  # nothing is measured yet


def test_progress_names_arms_harmlessly(capfd: pytest.CaptureFixture[str]) -> None:
    with ProgressBar(Console(stderr=True, width=200)) as bar:
        bar.progressed(0.5, f"comparing what [red]{HOSTILE} answers")
    said = capfd.readouterr().err
    assert is_harmless(said), repr(said)
    assert "[red]" in said
