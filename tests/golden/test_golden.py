"""Recordings made elsewhere explain identically here, to the last printed digit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ironlaw.explain.assemble import explain
from ironlaw.recording import load

from .make import FOLDER, NAMES, printed


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
def test_explaining_twice_gives_the_same(name: str) -> None:
    fact = load(FOLDER / f"{name}.jsonl")
    assert printed(explain(fact)) == printed(explain(fact))


def test_the_golden_recordings_cover_what_they_are_for() -> None:
    whole, clock, cut = (load(FOLDER / f"{name}.jsonl") for name in NAMES)
    assert any(count.event == "slots" for reading in whole.readings for count in reading.counts)
    assert not any(reading.counts for reading in clock.readings)
    assert cut.was_cut
    assert 0 < len(cut.readings) < len(whole.readings)
