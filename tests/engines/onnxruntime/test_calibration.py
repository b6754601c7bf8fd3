"""Calibration by entropy: refused where ONNX Runtime's tools have one range to choose from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import numpy_helper
from onnxruntime.quantization import calibrate

from ironlaw.engines.border.phases import Phases
from ironlaw.engines.onnxruntime import files
from ironlaw.errors import ArmFailed

from . import planted


def scales(folder: Path, method: str) -> dict[str, Any]:
    """The scales of all tensors of a network whose inputs have a channel with outliers."""
    source, made = folder / "float.onnx", folder / f"{method}.onnx"
    planted.write(source)
    files.quantize(
        source, made, files.Int8(calibrated_by=method), planted.images(8, seed=3, size=planted.OUTLIER), Phases()
    )
    constants = onnx.load(str(made)).graph.initializer
    return {one.name: numpy_helper.to_array(one).tolist() for one in constants if one.name.endswith("_scale")}


def with_bins(monkeypatch: pytest.MonkeyPatch, bins: int, steps: int) -> None:
    class Entropy(calibrate.EntropyCalibrater):  # type: ignore[misc]  # its library carries no types
        def __init__(self, *given: Any, num_bins: int = bins, num_quantized_bins: int = steps, **options: Any) -> None:
            super().__init__(*given, num_bins=num_bins, num_quantized_bins=num_quantized_bins, **options)

    monkeypatch.setattr(calibrate, "EntropyCalibrater", Entropy)


@pytest.mark.parametrize("bins", [64, 128])
def test_entropy_with_no_more_bins_than_steps_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bins: int
) -> None:
    with_bins(monkeypatch, bins, 128)
    with pytest.raises(ArmFailed, match=f"{bins} bins for 128 steps") as failed:
        scales(tmp_path, "entropy")
    assert "percentile" in failed.value.hint
    assert not (tmp_path / "entropy.onnx").exists()


def test_what_is_refused_would_have_been_minmax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_bins(monkeypatch, 2048, 128)  # the tools pass 128 bins all the same
    assert scales(tmp_path, "entropy") == scales(tmp_path, "minmax") != scales(tmp_path, "percentile")
