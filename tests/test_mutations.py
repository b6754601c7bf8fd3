"""The table of lines that benchmarks/mutations.py breaks fits the sources: each line is there, once, with its tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.mutations import MUTATIONS, SOURCES, Mutation

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: f"{one.file}: {one.old}")
def test_a_line_to_break_is_there_once_and_its_tests_exist(mutation: Mutation) -> None:
    text = (SOURCES / mutation.file).read_text()
    compile(mutation.broken(text), mutation.file, "exec")
    assert all((ROOT / name).exists() for name in mutation.tests.split())


def test_sixty_lines_are_broken() -> None:
    assert len({(one.file, one.old) for one in MUTATIONS}) >= 60
