"""Faults around a run: its output has no reader, its report has no room, Ctrl-C comes late."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ironlaw
from ironlaw.cli import run
from ironlaw.commands.showing import check_writable
from ironlaw.errors import BadInput
from ironlaw.recording import Recording, load
from ironlaw.running import default_out

WHOLE = Path(__file__).parents[1] / "golden" / "without-pmu.jsonl"
# The command line on the scripted stage, in a process of its own.
COMMAND = """
from ironlaw.measure import kept
from ironlaw.measure.scripted import ArmScript, Script, ScriptedStage

class Stage(ScriptedStage):
    def __init__(self, plan):
        super().__init__(Script(arms={"fp32": ArmScript(), "int8": ArmScript(user_instructions=4e7)}))
    def close(self):
        pass

kept.ProcessStage = Stage
import ironlaw.cli
ironlaw.cli.main()
"""
OPTIONS = ("run", "--arms", "fp32,int8", "--n", "40", "--replicates", "5", "--experiments", "none", "--no-layers",
           "--out", "run.jsonl")  # fmt: skip


@pytest.fixture
def unread() -> Iterator[int]:
    """The write end of a pipe without a reader."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.fixture
def full() -> Iterator[int]:
    """A full disk."""
    descriptor = os.open("/dev/full", os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def command(
    *options: str, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", COMMAND, *OPTIONS, *options]
    return subprocess.run(words, stdout=stdout, stderr=stderr, text=True, check=False)


def is_whole(recording: Recording) -> bool:
    return not recording.was_cut and sum(reading.inferences for reading in recording.readings) == 3 * 40


def test_progress_without_a_reader_ends_no_run(unread: int) -> None:
    ended = command(stderr=unread)
    assert ended.returncode == 0
    assert "int8" in ended.stdout
    assert is_whole(load("run.jsonl"))


def test_progress_on_a_full_disk_ends_no_run(full: int) -> None:
    ended = command(stderr=full)
    assert ended.returncode == 0
    assert is_whole(load("run.jsonl"))


@pytest.mark.parametrize("option", ["--verbose", "--json"])
def test_text_without_a_reader_costs_neither_the_code_nor_the_report(unread: int, option: str) -> None:
    ended = command(option, "--report", "why.html", stdout=unread, stderr=unread)
    assert ended.returncode == 0
    assert is_whole(load("run.jsonl"))
    assert "</html>" in Path("why.html").read_text()


@pytest.mark.parametrize("option", ["--verbose", "--json"])
def test_text_that_has_no_room_is_3_and_names_the_recording(full: int, option: str) -> None:
    ended = command(option, stdout=full)
    assert ended.returncode == 3
    assert ended.stderr.splitlines()[-2:] == [
        "ironlaw: cannot print: No space left on device",
        "   hint: the recording is kept: ironlaw explain run.jsonl",
    ]
    assert is_whole(load("run.jsonl"))


def test_a_report_that_has_no_room_is_3_and_names_the_recording() -> None:
    ended = command("--report", "/dev/full")
    assert ended.returncode == 3
    assert ended.stderr.splitlines()[-2:] == [
        "ironlaw: cannot write /dev/full: No space left on device",
        "   hint: the recording is kept: ironlaw explain run.jsonl",
    ]
    assert is_whole(load("run.jsonl"))


@pytest.mark.parametrize("where", [".", "missing/why.html", "file/why.html", f"{'n' * 300}.html"])
def test_a_report_that_cannot_be_written_is_found_before_measuring(where: str) -> None:
    Path("file").write_text("")
    with pytest.raises(BadInput, match="cannot write"):
        check_writable(Path(where))


def test_looking_whether_a_report_can_be_written_changes_nothing() -> None:
    Path("there.html").write_text("an older report")
    check_writable(Path("there.html"))
    check_writable(Path("new.html"))
    assert Path("there.html").read_text() == "an older report"
    assert not Path("new.html").exists()


def test_ctrl_c_while_explaining_names_the_recording(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ironlaw, "record", lambda *_, **__: load(WHOLE))
    monkeypatch.setattr(ironlaw, "explain", interrupt)
    assert run([*OPTIONS, "--quiet"]) == 3
    assert capsys.readouterr().err.splitlines() == [
        "ironlaw: interrupted",
        "   hint: the recording is kept: ironlaw explain run.jsonl",
    ]


def test_runs_that_start_in_the_same_second_have_files_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped:
        @staticmethod
        def now(zone: object) -> Stopped:
            return Stopped()

        def __format__(self, form: str) -> str:
            return "20300101T000000"

    monkeypatch.setattr("ironlaw.running.measuring.datetime", Stopped)
    monkeypatch.setattr("os.getpid", lambda: 7)
    first = default_out("net")
    first.parent.mkdir()
    first.write_text("")
    second = default_out("net")
    monkeypatch.setattr("os.getpid", lambda: 8)
    other = default_out("net")
    assert len({first, second, other}) == 3
