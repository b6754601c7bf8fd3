"""What a recording may hold: numbers within their laws, names that exist; refused where it is read, with the line."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ironlaw.errors import IronlawError, RecordingUnreadable
from ironlaw.event import Count
from ironlaw.experiment import Experiment, Switch
from ironlaw.missing import Missing
from ironlaw.recording import load, read
from tests.analysis.scripted_layers import recorded as with_layers
from tests.analysis.stated import Law, Noise, recording
from tests.recorded_lines import lines_of

PLAIN = lines_of(recording({"fp32": Law(), "int8": Law()}, Noise(), replicates=5, rounds=2))
SWITCH = Switch(cause="weight-traffic", factor="weights", level="aliased")
BESIDE = msgspec.to_builtins(Experiment(arm="fp32", switches=(SWITCH,), applied="fp32", beside="beside none"))
LAYERS = lines_of(with_layers(replicates=5))


def changed(lines: list[bytes], kind: str, change: Callable[[Any], Any]) -> bytes:
    """The lines with the body of every fact of a kind changed."""
    out, count = [], 0
    for line in lines:
        fact = json.loads(line)
        if kind in fact:
            fact[kind] = change(fact[kind])
            count += 1
        out.append(json.dumps(fact).encode())
    assert count
    return b"\n".join(out) + b"\n"


def said_of(content: bytes) -> str:
    with pytest.raises(RecordingUnreadable) as refused:
        read(io.BytesIO(content), named="run.jsonl")
    return refused.value.message


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("reading", lambda one: {**one, "wall_ns": -1}, "wall_ns"),
        ("reading", lambda one: {**one, "cpu_ns": 2**64}, "cpu_ns"),
        ("reading", lambda one: {**one, "replicate": -1}, "replicate"),
        ("reading", lambda one: {**one, "replicate": 2**40}, "replicate"),
        ("reading", lambda one: {**one, "wall_ns": float("nan")}, "malformed"),
        ("ended", lambda one: {**one, "elapsed_s": float("inf")}, "malformed"),
        ("plan", lambda one: {**one, "seed": 2**64}, "seed"),
        ("plan", lambda one: {**one, "threads": 0}, "threads"),
        ("plan", lambda one: {**one, "arms": [{**one["arms"][0], "repeats": "missing"}]}, "no arm called 'missing'"),
        ("plan", lambda one: {**one, "experiments": [BESIDE]}, "no arm called 'beside none'"),
        (
            "plan",
            lambda one: {**one, "arms": [{**one["arms"][0], "variant": {"changed": [["nonsense", "x"]]}}]},
            "knows no nonsense=x",
        ),
        (
            "plan",
            lambda one: {**one, "arms": [{**one["arms"][0], "variant": {"changed": [["threads", "9" * 5000]]}}]},
            "knows no threads=999",
        ),
    ],
)
def test_facts_beyond_their_laws_are_refused_with_their_line(
    kind: str, change: Callable[[Any], Any], said: str
) -> None:
    message = said_of(changed(PLAIN, kind, change))
    assert message.startswith("line ")
    assert said in message


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("layer-reading", lambda one: {**one, "calls_ns": [-1 for _ in one["calls_ns"]]}, "calls_ns"),
        (
            "layers",
            lambda one: {**one, "calls": [{**call, "fed_by": [99]} for call in one["calls"]]},
            "beyond the last",
        ),
        (
            "layers",
            lambda one: {**one, "calls": [{**call, "fed_by": [0]} for call in one["calls"]]},
            "by what it feeds",
        ),
        ("layer-reading", lambda one: {**one, "before_ns": one["before_ns"][1:]}, "another number of calls"),
        ("layer-reading", lambda one: {**one, "probed": {"x": one["calls_ns"]}}, "lacks the whole"),
        ("layer-reading", lambda one: {**one, "plain_ns": 0}, "plain_ns"),
        ("layers", lambda one: {**one, "calls": [{**call, "fed_by": [-2]} for call in one["calls"]]}, "fed_by"),
    ],
)
def test_layers_beyond_their_laws_are_refused(kind: str, change: Callable[[Any], Any], said: str) -> None:
    assert said in said_of(changed(LAYERS, kind, change))


def test_ceiling_of_nothing_is_refused() -> None:
    ceilings = {
        "threads": 1, "macs_per_s": {"fp32": 0.0}, "read_bytes_per_s": 1e9, "write_bytes_per_s": 1e9,
        "copy_bytes_per_s": 1e9, "streamed_bytes": 10**9, "switch_ns": 1e3, "page_fault_ns": 1e3,
    }  # fmt: skip
    line = json.dumps({"ceilings": ceilings}).encode()
    assert "macs_per_s" in said_of(b"\n".join([*PLAIN[:2], line, *PLAIN[2:]]) + b"\n")


@pytest.mark.parametrize("body", [b"[" * 100_000 + b"]" * 100_000, b"9" * 5000, b'"' + b"x" * 300 + b'"'])
def test_nesting_and_endless_numbers_are_damage(body: bytes) -> None:
    content = b"\n".join([*PLAIN[:2], b'{"reading":' + body + b"}", *PLAIN[2:]]) + b"\n"
    assert said_of(content).startswith("line 3 is damaged: ")


def test_device_without_end_is_not_read_to_its_end() -> None:
    with pytest.raises(RecordingUnreadable, match="/dev/zero is not a recording"):
        load("/dev/zero")


def test_path_that_is_too_long_or_holds_null_is_refused() -> None:
    for path in ("x" * 300, "a\0b"):
        with pytest.raises(RecordingUnreadable, match="cannot read"):
            load(path)


def test_pipe_is_read_as_a_file_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader_writer = os.open(pipe, os.O_RDWR)  # both ends, so that neither open waits
    os.write(reader_writer, b"\n".join(PLAIN[:8]) + b"\n")
    with pipe.open("rb") as stream:
        os.close(reader_writer)
        assert read(stream, named="pipe").plans


@pytest.mark.parametrize("raw", [-1, 2**64 - 1])
def test_count_that_nothing_reaches_is_a_gap(raw: int) -> None:
    assert isinstance(Count(event="cycles", raw=raw, enabled_ns=5, running_ns=5).value, Missing)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    place=st.integers(0, len(PLAIN) - 1),
    start=st.floats(0, 1),
    removed=st.integers(0, 30),
    inserted=st.sampled_from([b"", b"-", b"9" * 40, b"NaN", b"null", b'"', b"[", b"{}", b"\xff", b"1e999", b"0"]),
)
def test_damaged_recording_is_read_or_refused_in_words(place: int, start: float, removed: int, inserted: bytes) -> None:
    line = PLAIN[place]
    at = int(start * len(line))
    damaged = [*PLAIN[:place], line[:at] + inserted + line[at + removed :], *PLAIN[place + 1 :]]
    with contextlib.suppress(IronlawError):  # whatever else is raised fails
        read(io.BytesIO(b"\n".join(damaged) + b"\n"), named="run.jsonl")
