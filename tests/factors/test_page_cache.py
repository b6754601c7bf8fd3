"""page-cache=cold: which mapped files are a model's, and that their pages are read from the disk again."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ironlaw.errors import ArmFailed
from ironlaw.factors.page_cache import PageCache, _Dropped, mapped_files
from ironlaw.program import Program

SIZE = 1 << 20


def program() -> Program:
    return Program(infer=lambda: None, inputs=[()])


@pytest.fixture
def mapped(tmp_path: Path) -> Callable[[], mmap.mmap]:
    """A function that maps a file which is on the disk."""
    path = tmp_path / "weights"
    path.write_bytes(os.urandom(SIZE))
    with path.open("rb") as file:
        os.fsync(file.fileno())

    def mapping() -> mmap.mmap:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    return mapping


def is_in_memory(folder: Path) -> bool:
    """Whether the file system of a folder has no disk."""
    rows = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    above = [(len(place), kind) for place, kind in rows if folder.is_relative_to(place)]
    return max(above)[1] in ("tmpfs", "ramfs")


def test_pages_that_were_read_are_dropped_before_each_inference(
    mapped: Callable[[], mmap.mmap], tmp_path: Path
) -> None:
    if is_in_memory(tmp_path):
        pytest.skip("the temporary folder is in memory")
    factor = PageCache()
    factor.enter("cold")
    with mapped() as file:
        changed = factor.change("cold", program())
        (drop,) = changed.before_each
        seen = next(
            one for one in mapped_files(Path("/proc/self/maps").read_text().splitlines()) if "weights" in one.path
        )
        assert sum(file[::4096]) > 0  # every page is read
        watched = _Dropped([seen])
        assert watched.resident_bytes() == SIZE
        drop()
        assert watched.resident_bytes() == 0
        assert file[0] is not None
    assert factor.read_back("cold", changed) == "1.0 MB of mapped file, of which 0.0 MB stay in memory"


def test_a_model_without_a_mapped_file_fails_by_that_name(mapped: Callable[[], mmap.mmap]) -> None:
    factor = PageCache()
    with mapped():  # it was mapped before the model was loaded
        factor.enter("cold")
        with pytest.raises(ArmFailed, match="no file of it is mapped"):
            factor.change("cold", program())


def test_pages_that_stay_in_memory_fail_the_arm_with_their_number(
    mapped: Callable[[], mmap.mmap], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Dropped, "drop", lambda self: None)
    factor = PageCache()
    factor.enter("cold")
    with mapped() as file:
        assert sum(file[::4096]) > 0
        with pytest.raises(ArmFailed, match=r"1\.0 of 1\.0 MB of its mapped file stay in memory"):
            factor.change("cold", program())


def test_only_files_that_are_mapped_for_reading_alone_are_weights(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"0")
    lines = [
        f"7f0000000000-7f0000100000 r--s 00000000 08:01 5 {path}",
        f"7f0000200000-7f0000300000 r--s 00100000 08:01 5 {path}",
        "7f0001000000-7f0001100000 r--p 00000000 08:01 6 /usr/lib/libm.so.6",
        "7f0001100000-7f0001200000 r-xp 00100000 08:01 6 /usr/lib/libm.so.6",
        "7f0002000000-7f0002100000 rw-p 00000000 00:00 0 [heap]",
        "7f0003000000-7f0003100000 r--p 00000000 00:00 0",
    ]
    (found,) = mapped_files(lines)
    assert (found.path, found.bytes) == (str(path), 2 << 20)
