"""Recordings: what is written is read back, wherever the file was cut."""

from __future__ import annotations

import gzip
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from ironlaw.arm import Arm
from ironlaw.concern import Concern
from ironlaw.errors import BadInput, RecordingUnreadable, RunIncomplete
from ironlaw.fact import SCHEMA, Ending, Fact, Header, InterpreterStarted
from ironlaw.lines import KINDS, NAMES, decode, decode_timed, encode
from ironlaw.measure.recorder import record
from ironlaw.measure.scripted import ArmScript, Script, ScriptedStage
from ironlaw.missing import Missing
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.recording import FILED_IN, RecordingWriter, assemble, load
from ironlaw.report.raw import packed
from ironlaw.running.advice import advise
from ironlaw.watcher import Unwatched

SCRIPT = Script(
    arms={"fp32": ArmScript(page_faults=3000, kernel_instructions=2e7), "int8": ArmScript(user_instructions=4e7)}
)


HEADER = Header(schema=SCHEMA, ironlaw="1", started_utc="2026-01-01T00:00:00")
CONCERN = Concern(slug="noisy", text="it was noisy", fix="")


def write_scripted(path: Path) -> None:
    arms = with_control((Arm.of("fp32"), Arm.of("int8")))
    plan = Plan(model="scripted", arms=arms, schedule=Schedule(replicates=2, rounds=3, inferences=12))
    sink = RecordingWriter(path)
    record(plan, ScriptedStage(SCRIPT), sink, watcher=Unwatched(), advice=advise())
    sink.close()


def test_every_fact_survives_writing_and_reading(tmp_path: Path) -> None:
    write_scripted(tmp_path / "run.jsonl")
    for line in (tmp_path / "run.jsonl").read_bytes().splitlines():
        timed = decode_timed(line)
        assert timed is not None
        assert encode(timed.fact, at_s=timed.at_s) == line


def test_every_kind_of_fact_has_one_name_and_one_place_in_a_recording() -> None:
    kinds = set(KINDS.values())
    assert len(NAMES) == len(KINDS)
    assert set(get_args(Fact)) == kinds
    assert sorted(kind.__name__ for held in FILED_IN.values() for kind in held) == sorted(k.__name__ for k in kinds)


def test_a_file_cut_at_any_byte_is_readable_up_to_there(tmp_path: Path) -> None:
    write_scripted(tmp_path / "run.jsonl")
    whole = (tmp_path / "run.jsonl").read_bytes()
    readings = load(tmp_path / "run.jsonl").readings
    first_line = whole.index(b"\n") + 1
    cut = tmp_path / "cut.jsonl"
    for length in range(first_line, len(whole) - 1, 97):
        cut.write_bytes(whole[:length])
        recording = load(cut)
        assert recording.was_cut
        assert recording.readings == readings[: len(recording.readings)]


def test_a_whole_recording_is_not_called_cut(tmp_path: Path) -> None:
    write_scripted(tmp_path / "run.jsonl")
    recording = load(tmp_path / "run.jsonl")
    assert not recording.was_cut
    assert sum(reading.inferences for reading in recording.readings if reading.arm == "int8") == 12


def test_a_kind_of_fact_from_a_later_version_is_passed_over() -> None:
    assert decode(b'{"dream": {"x": 1}}') is None


def test_damage_in_the_middle_is_named_by_its_line(tmp_path: Path) -> None:
    write_scripted(tmp_path / "run.jsonl")
    lines = (tmp_path / "run.jsonl").read_bytes().splitlines(keepends=True)
    lines[4] = b'{"reading": {"arm": \n'
    (tmp_path / "bad.jsonl").write_bytes(b"".join(lines))
    with pytest.raises(RecordingUnreadable, match="line 5"):
        load(tmp_path / "bad.jsonl")


@pytest.mark.parametrize("content", [b"", b"hello\n", b'{"reading": {}}\n', b"\x00\xff\n"])
def test_what_is_not_a_recording_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.jsonl").write_bytes(content)
    with pytest.raises(RecordingUnreadable):
        load(tmp_path / "x.jsonl")


def test_a_newer_schema_is_refused_with_the_way_out() -> None:
    header = decode(b'{"header":{"schema":99,"ironlaw":"9","started_utc":"2030-01-01T00:00:00+00:00"}}')
    assert header is not None
    with pytest.raises(RecordingUnreadable, match="schema 99"):
        assemble([header])


def test_the_next_schema_is_refused_and_this_one_is_read() -> None:
    this = Header(schema=SCHEMA, ironlaw="0", started_utc="2030-01-01T00:00:00+00:00")
    assert assemble([this]).header == this
    with pytest.raises(RecordingUnreadable, match=f"schema {SCHEMA + 1}"):
        assemble([replace(this, schema=SCHEMA + 1)])


def test_a_line_that_is_cut_behind_the_ending_is_a_cut(tmp_path: Path) -> None:
    write_scripted(tmp_path / "run.jsonl")
    assert not load(tmp_path / "run.jsonl").was_cut
    with (tmp_path / "run.jsonl").open("ab") as file:
        file.write(b'{"reading":{"arm":')
    assert load(tmp_path / "run.jsonl").was_cut


def test_an_existing_recording_is_not_replaced_unless_forced(tmp_path: Path) -> None:
    write_scripted(tmp_path / "run.jsonl")
    with pytest.raises(BadInput, match="exists already"):
        RecordingWriter(tmp_path / "run.jsonl")
    RecordingWriter(tmp_path / "run.jsonl", force=True).close()


def test_a_folder_that_cannot_be_made_is_named_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot write"):
        RecordingWriter(tmp_path / "file" / "run.jsonl")


def test_scripted_runs_end_complete(tmp_path: Path) -> None:
    write_scripted(tmp_path / "run.jsonl")
    ended = load(tmp_path / "run.jsonl").ended
    assert getattr(ended, "why", None) is Ending.COMPLETE


HEADER = Header(schema=SCHEMA, ironlaw="0", started_utc="2030-01-01T00:00:00+00:00")


def concern(number: int) -> Concern:
    return Concern(slug="stated", text=f"doubt {number}", fix="none")


@contextmanager
def room_for(size_bytes: int) -> Iterator[None]:
    """A limit on the size of files, which the kernel enforces as a full disk: it writes what fits and then refuses."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_whole_lines_and_names_the_file(tmp_path: Path) -> None:
    sink = RecordingWriter(tmp_path / "run.jsonl")
    sink.write(HEADER)

    def fill() -> None:
        for number in range(100):
            sink.write(concern(number))

    with room_for(200), pytest.raises(RunIncomplete, match="cannot write") as raised:
        fill()
    assert f"ironlaw explain {tmp_path / 'run.jsonl'}" in raised.value.hint
    content = (tmp_path / "run.jsonl").read_bytes()
    assert content.endswith(b"}\n")
    sink.write(concern(-1))  # there is room again
    sink.close()
    kept = load(tmp_path / "run.jsonl").concerns
    assert kept == (*(concern(number) for number in range(len(kept) - 1)), concern(-1))
    assert len(kept) > 1


def test_a_recording_that_is_being_written_is_not_replaced_by_force(tmp_path: Path) -> None:
    sink = RecordingWriter(tmp_path / "run.jsonl")
    sink.write(HEADER)
    with pytest.raises(BadInput, match="another run writes"):
        RecordingWriter(tmp_path / "run.jsonl", force=True)
    sink.write(concern(1))
    sink.close()
    assert load(tmp_path / "run.jsonl").concerns == (concern(1),)
    RecordingWriter(tmp_path / "run.jsonl", force=True).close()


def test_a_recording_deleted_while_it_is_written_is_there_at_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    sink = RecordingWriter(folder / "run.jsonl")
    sink.write(HEADER)
    (folder / "run.jsonl").unlink()
    folder.rmdir()
    sink.write(concern(1))
    sink.close()
    assert load(folder / "run.jsonl").concerns == (concern(1),)


@pytest.mark.parametrize("how", ["replaced", "emptied", "appended"])
def test_a_recording_overwritten_while_it_is_written_is_kept_beside_it(tmp_path: Path, how: str) -> None:
    path = tmp_path / "run.jsonl"
    sink = RecordingWriter(path)
    sink.write(HEADER)
    if how == "replaced":
        (tmp_path / "other").write_text("another program's")
        (tmp_path / "other").rename(path)
    else:
        with path.open("a" if how == "appended" else "w") as other:
            other.write("another program's")
    sink.write(concern(1))
    with pytest.raises(RunIncomplete, match="overwritten") as raised:
        sink.close()
    assert f"ironlaw explain {tmp_path / 'run-2.jsonl'}" in raised.value.hint
    assert load(tmp_path / "run-2.jsonl").concerns == (concern(1),)
    assert "another program's" in path.read_text()


def test_the_interpreter_that_prepares_belongs_to_no_replicate_and_is_read_back() -> None:
    fact = InterpreterStarted(replicate=-1, arms=("fp32",), environment={}, padding_bytes=0, start_ns=1)
    assert decode(encode(fact)) == fact


def test_facts_are_timed_in_seconds_since_the_first_one(tmp_path: Path) -> None:
    clock = iter([100.0, 100.0, 102.5])
    sink = RecordingWriter(tmp_path / "run.jsonl", now_s=lambda: next(clock))
    for fact in (HEADER, CONCERN, CONCERN):
        sink.write(fact)
    sink.close()
    recording = load(tmp_path / "run.jsonl")
    assert recording.at_s == {"header": (0.0,), "concern": (0.0, 2.5)}
    (tmp_path / "packed.jsonl").write_bytes(gzip.decompress(packed(recording)))
    assert load(tmp_path / "packed.jsonl").at_s == recording.at_s


def test_facts_of_older_recordings_have_no_time(tmp_path: Path) -> None:
    (tmp_path / "old.jsonl").write_bytes(encode(HEADER) + b"\n" + encode(CONCERN) + b"\n")
    assert load(tmp_path / "old.jsonl").at_s["concern"] == (Missing("was not recorded"),)


def test_times_beyond_their_law_are_refused(tmp_path: Path) -> None:
    line = encode(HEADER) + b"\n" + encode(CONCERN, at_s=1.0).replace(b"1.0", b"-1.0") + b"\n"
    (tmp_path / "bad.jsonl").write_bytes(line)
    with pytest.raises(RecordingUnreadable, match="line 2"):
        load(tmp_path / "bad.jsonl")
