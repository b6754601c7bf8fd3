"""Recordings made elsewhere explain identically here, to the last printed digit."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from ironlaw.analysis.assemble import explain
from ironlaw.recording import load
from ironlaw.report.terminal import Verbosity, show

from .make import FOLDER, NAMES, as_printed, printed


def kept(found: Any, *, like: Any) -> Any:
    """What was found without the fields that are new since: fields may be added, not changed."""
    if isinstance(found, dict) and isinstance(like, dict):
        return {key: kept(value, like=like[key]) for key, value in found.items() if key in like}
    if isinstance(found, list) and isinstance(like, list) and len(found) == len(like):
        return [kept(one, like=other) for one, other in zip(found, like, strict=True)]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_recording_explains_as_it_did(name: str) -> None:
    expected = (FOLDER / f"{name}.explained.json").read_text(encoding="utf-8")
    found = json.loads(printed(explain(load(FOLDER / f"{name}.jsonl"))))
    assert kept(found, like=json.loads(expected)) == json.loads(expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_recording_prints_as_it_did_to_the_last_digit(name: str) -> None:
    expected = (FOLDER / f"{name}.printed.json").read_text(encoding="utf-8")
    found = json.loads(as_printed(explain(load(FOLDER / f"{name}.jsonl"))))
    assert kept(found, like=json.loads(expected)) == json.loads(expected)


@pytest.mark.parametrize("name", NAMES)
def test_the_terminal_shows_every_printed_number(name: str) -> None:
    explanation = explain(load(FOLDER / f"{name}.jsonl"))
    out = io.StringIO()
    show(explanation, Console(file=out, width=80), n=5000, verbosity=Verbosity.VERBOSE)
    text = " ".join(out.getvalue().replace("\N{NO-BREAK SPACE}", " ").split())
    printed_numbers = list(strings(json.loads((FOLDER / f"{name}.printed.json").read_text(encoding="utf-8"))))
    assert len(printed_numbers) > 40
    for number in printed_numbers:
        assert number.replace("\N{NO-BREAK SPACE}", " ").strip() in text, number


def strings(value: Any) -> Iterator[str]:
    """All strings in lists and in the values of dicts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


@pytest.mark.parametrize("name", NAMES)
def test_explaining_twice_gives_the_same(name: str) -> None:
    fact = load(FOLDER / f"{name}.jsonl")
    assert printed(explain(fact)) == printed(explain(fact))


def test_the_golden_recordings_cover_what_they_are_for() -> None:
    whole, clock, cut = (load(FOLDER / f"{name}.jsonl") for name in NAMES)
    assert any(count.event == "slots" for reading in whole.readings for count in reading.counts)
    assert not any(reading.counts for reading in clock.readings)
    assert cut.was_cut
    assert 0 < len(cut.readings) < len(whole.readings)
