"""Exports: an arm that is prepared later takes what an earlier one wrote, where both export the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ironlaw.engines.border.phases import Phases
from ironlaw.engines.onnxruntime import files
from ironlaw.models import LoadedModel

from .. import small


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that torch's exporter, which writes a few bytes here, was called for."""
    called = list[str]()

    def write(module: Any, arguments: Any, path: str, **how: Any) -> None:
        called.append(Path(path).parent.name)
        Path(path).write_bytes(b"graph")

    monkeypatch.setattr(torch.onnx, "export", write)
    return called


def export(model: LoadedModel, folder: Path) -> bytes:
    folder.mkdir()
    files.export(model, folder / "float.onnx", Phases())
    assert files.read_places(folder / "float.onnx")
    return (folder / "float.onnx").read_bytes()


def test_equal_modules_are_exported_once_a_run(tmp_path: Path, exported: list[str]) -> None:
    assert export(small.seeing(), tmp_path / "one") == export(small.seeing(), tmp_path / "two") == b"graph"
    assert exported == ["one"]


def test_other_weights_or_inputs_are_exported_again(tmp_path: Path, exported: list[str]) -> None:
    export(small.seeing(), tmp_path / "one")
    other = small.seeing()
    with torch.no_grad():
        other.module.head.bias[0] += 1
    export(other, tmp_path / "weights")
    wide = [(torch.zeros(2, 3, 16, 16),)]
    export(replace(small.seeing(), inputs=wide, calibration=wide, probes=wide), tmp_path / "inputs")
    export(replace(small.seeing(), source="other.py:net"), tmp_path / "source")
    assert exported == ["one", "weights", "inputs", "source"]
