"""What one process of a run has read is what the next one finds, and nothing else is taken for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ironlaw.measure.sampling import elf, kept_tables
from ironlaw.measure.sampling.kept_tables import KeptTables, name_of_file

TABLE = np.arange(3 << 16, dtype=np.uint64).reshape(3, -1)


def never() -> Any:
    raise AssertionError("read again")


def test_a_table_is_read_once(tmp_path: Path) -> None:
    folder = tmp_path / "symbols"
    assert KeptTables(folder).of("a", lambda: TABLE) is TABLE
    assert np.array_equal(KeptTables(folder).of("a", never), TABLE)
    assert folder.stat().st_mode & 0o777 == 0o700, "it holds the kernel's addresses"
    assert [path.name for path in folder.iterdir()] == ["a.npy"]


def test_a_small_table_is_not_kept_and_without_a_folder_none_is(tmp_path: Path) -> None:
    KeptTables(tmp_path).of("a", lambda: TABLE[:, :9])
    KeptTables().of("a", lambda: TABLE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left", [0, 60, 5000])
def test_a_file_that_is_cut_is_read_again(tmp_path: Path, left: int) -> None:
    KeptTables(tmp_path).of("a", lambda: TABLE)
    os.truncate(tmp_path / "a.npy", left)
    assert KeptTables(tmp_path).of("a", lambda: TABLE) is TABLE


def test_where_nothing_can_be_written_the_table_is_as_it_was_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert KeptTables(tmp_path / "file").of("a", lambda: TABLE) is TABLE
    (tmp_path / "a.npy").mkdir()
    assert KeptTables(tmp_path).of("a", lambda: TABLE) is TABLE
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["file"], "no unfinished table is left"


def test_a_file_that_changes_has_another_name(tmp_path: Path) -> None:
    one, other = tmp_path / "one.so", tmp_path / "other.so"
    one.write_bytes(b"first")
    other.write_bytes(b"first")
    before = name_of_file(str(one))
    assert before == name_of_file(str(one)) != name_of_file(str(other))
    one.write_bytes(b"second")
    assert name_of_file(str(one)) != before


def test_symbols_and_functions_are_the_same_kept_as_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_tables, "_LEAST_BYTES", 0)
    path = os.path.realpath(sys.executable)
    read, first = elf.ElfFile(path), elf.ElfFile(path, KeptTables(tmp_path))
    assert read.function(0) == first.function(0) == 0
    for reader in ("_read_symbols", "_read_functions"):
        monkeypatch.setattr(elf, reader, lambda *known: never())
    kept = elf.ElfFile(path, KeptTables(tmp_path))
    offsets = range(0, os.path.getsize(path), 97)
    assert [kept.at(one) for one in offsets] == [read.at(one) for one in offsets]
    assert [kept.before(one) for one in offsets] == [read.before(one) for one in offsets]
    assert [kept.function(one) for one in offsets] == [read.function(one) for one in offsets]
    assert any(kept.at(one) for one in offsets)
