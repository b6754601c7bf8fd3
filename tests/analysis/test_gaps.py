"""Missing in, Missing out: what was not read is a gap with a reason wherever it is used, and never a number."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ironlaw.analysis.assemble import explain
from ironlaw.errors import RecordingUnreadable
from ironlaw.explanation import (
    Explanation,
)
from ironlaw.explanation.split import Term
from ironlaw.missing import Missing, is_known
from ironlaw.recording import Recording, load
from ironlaw.report.document import to_document
from tests.golden.make import FOLDER

from .stated import CACHE_GROUP, SPLIT_GROUP, Law, Noise, recording

ARMS = {"fp32": Law(page_faults=3500), "int8": Law(instructions=8e6, kernel_instructions=1e5)}
NOISE = Noise(own=0.01, rounds=0.01)
WHY = "the kernel refused it (EACCES)"
# What is worked out from each event, where it was counted in one mode together.
DERIVED = {
    "instructions": ("instructions", "ipc"),
    "cycles": ("cycles", "ipc", "frequency_hz"),
    "cache-references": ("cache_references", "cache_miss_share"),
    "cache-misses": ("cache_misses", "cache_miss_share"),
}


def without(event: str, *, groups: tuple[tuple[str, ...], ...]) -> Recording:
    """A recording in which one event was refused."""
    kept = tuple(tuple(name for name in group if name != event) for group in groups)
    return recording(ARMS, NOISE, groups=kept, lost={event: WHY}, replicates=6, rounds=4)


@pytest.mark.parametrize("event", CACHE_GROUP)
def test_a_refused_event_leaves_gaps_with_its_reason_and_takes_nothing_else_along(event: str) -> None:
    explanation = explain(without(event, groups=(CACHE_GROUP,)))
    whole = explain(recording(ARMS, NOISE, groups=(CACHE_GROUP,), replicates=6, rounds=4))
    for row, before in zip(explanation.arms, whole.arms, strict=True):
        for name in {field for fields in DERIVED.values() for field in fields}:
            value = getattr(row, name)
            if name in DERIVED[event]:
                assert isinstance(value, Missing), (name, value)
                assert WHY in value.reason
            else:
                assert value == getattr(before, name), name


@pytest.mark.parametrize("event", SPLIT_GROUP)
def test_a_refused_mode_is_a_missing_term_or_said_to_be_assumed(event: str) -> None:
    split = explain(without(event, groups=(SPLIT_GROUP,))).comparisons[0].split
    assert is_known(split)
    if event.startswith("instructions:k"):
        assert Term.KERNEL not in split.parts  # its cycles are there, its instructions are not
    elif event == "cycles:k":
        assert any("the kernel's cycles were refused" in assumption for assumption in split.assumptions)
    else:
        lost = split.terms[Term.INSTRUCTIONS]
        assert isinstance(lost, Missing)
        assert WHY in lost.reason


def gaps(value: Any) -> int:
    """How many gaps a document holds; every one has a reason."""
    if isinstance(value, dict):
        if set(value) == {"missing"}:
            assert value["missing"]
            return 1
        return sum(map(gaps, value.values()))
    return sum(map(gaps, value)) if isinstance(value, list) else 0


def nulls(explanation: Explanation) -> list[str]:
    """Numbers of a document that are no numbers."""
    text = json.dumps(to_document(explanation))
    return [word for word in ("NaN", "Infinity") if word in text]


@given(st.sets(st.sampled_from((*SPLIT_GROUP, *CACHE_GROUP))), st.booleans(), st.booleans())
@settings(max_examples=40)
def test_the_more_is_refused_the_more_gaps_there_are_and_never_a_number_that_is_none(
    refused: set[str], no_times: bool, no_migrations: bool
) -> None:
    gap = Missing(WHY)
    fact = recording(ARMS, NOISE, replicates=3, rounds=4, lost=dict.fromkeys(refused, WHY))
    readings = tuple(
        replace(
            one,
            counts=tuple(count for count in one.counts if count.event not in refused),
            user_ns=gap if no_times else one.user_ns,
            kernel_ns=gap if no_times else one.kernel_ns,
            migrations=gap if no_migrations else one.migrations,
        )
        for one in fact.readings
    )
    found, whole = explain(replace(fact, readings=readings)), explain(fact)
    assert not nulls(found)
    arms, before = (to_document(explanation)["arms"] for explanation in (found, whole))
    assert gaps(arms) >= gaps(before)
    assert no_times is all(isinstance(row.kernel_ns, Missing) for row in found.arms)


LINES = (FOLDER / "with-pmu.jsonl").read_bytes().splitlines(keepends=True)


@given(st.integers(1, len(LINES)), st.integers(0, 60))
@settings(max_examples=40)
def test_a_recording_cut_anywhere_is_explained_as_far_as_it_goes_or_refused(lines: int, further: int) -> None:
    kept = b"".join(LINES[:lines]) + (LINES[lines][:further] if lines < len(LINES) else b"")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cut.jsonl"
        path.write_bytes(kept)
        fact = load(path)
    if not fact.plans:
        with pytest.raises(RecordingUnreadable, match="before its plan"):
            explain(fact)
        return
    explanation = explain(fact)
    assert not nulls(explanation)
    assert explanation.was_cut is (lines < len(LINES))
