"""The folder of a sweep: whole recordings or none, one sweep at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironlaw.errors import BadInput
from ironlaw.sweep.store import Store
from tests.sweep.scripted import plan


def test_what_a_killed_sweep_left_unfinished_is_cleared_away(tmp_path: Path) -> None:
    cell = next(plan(tmp_path).cells())
    store = Store(tmp_path / "out")
    store.aside(cell).write_text("half a recording")
    store.close()
    (tmp_path / "out" / ".unfinished").mkdir()
    (tmp_path / "out" / ".unfinished" / f"{cell.id}.jsonl").write_text("half a recording")
    again = Store(tmp_path / "out")
    assert not again.has(cell)
    assert not list((tmp_path / "out" / ".unfinished").iterdir())
    again.close()


def test_two_sweeps_do_not_share_a_folder(tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    with pytest.raises(BadInput, match="another sweep works in"):
        Store(tmp_path / "out")
    store.close()
    Store(tmp_path / "out").close()


def test_one_may_look_while_a_sweep_is_at_work(tmp_path: Path) -> None:
    cell = next(plan(tmp_path).cells())
    store = Store(tmp_path / "out")
    aside = store.aside(cell)
    aside.write_text("not whole yet")
    looking = Store(tmp_path / "out", only_look=True)
    assert not looking.has(cell)
    looking.close()
    assert aside.exists()
    store.keep(cell, aside)
    assert Store(tmp_path / "out", only_look=True).has(cell)
    store.close()


def test_a_recording_is_found_again_by_the_cell_it_is_of(tmp_path: Path) -> None:
    wanted = list(plan(tmp_path).cells())
    store = Store(tmp_path / "out")
    aside = store.aside(wanted[0])
    aside.write_text("whole")
    store.keep(wanted[0], aside)
    store.close()
    again = Store(tmp_path / "out")
    assert [again.has(cell) for cell in wanted] == [True, False, False, False]
    assert again.recording(wanted[0]).read_text() == "whole"
    again.close()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(BadInput, match="cannot write"):
        Store(tmp_path / "out")
