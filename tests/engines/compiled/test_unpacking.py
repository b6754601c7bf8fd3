"""Where a compiled package is unpacked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from ironlaw.engines.compiled.unpacking import open_package


@pytest.fixture
def unpacked_in(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The folders for temporary files that torch saw; it fails for the package broken.pt2."""
    seen = list[str | None]()

    def load(path: str) -> str:
        seen.append(os.environ.get("TMPDIR"))
        if Path(path).name == "broken.pt2":
            raise RuntimeError("not a package")
        return f"opened {Path(path).name}"

    monkeypatch.setattr(torch._inductor, "aoti_load_package", load)
    return seen


@pytest.mark.parametrize("before", [None, "/somewhere"])
def test_a_package_is_unpacked_beside_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unpacked_in: list[str | None], before: str | None
) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    if before is not None:
        monkeypatch.setenv("TMPDIR", before)
    assert open_package(tmp_path / "model.pt2") == "opened model.pt2"
    with pytest.raises(RuntimeError, match="not a package"):
        open_package(tmp_path / "broken.pt2")
    assert unpacked_in == [str(tmp_path)] * 2
    assert os.environ.get("TMPDIR") == before
