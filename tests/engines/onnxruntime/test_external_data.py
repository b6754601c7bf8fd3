"""An .onnx file that keeps its weights in a file beside it is taken whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ironlaw.engines.onnxruntime.files import take
from ironlaw.errors import ArmFailed

onnx = pytest.importorskip("onnx")


def written(folder: Path) -> Path:
    """A file of one addition, its weight beside it."""
    weight = onnx.numpy_helper.from_array(np.arange(4096, dtype=np.float32), "weight")
    node = onnx.helper.make_node("Add", ["x", "weight"], ["y"])
    x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [4096]) for name in "xy")
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "sum", [x], [y], [weight]))
    path = folder / "net.onnx"
    onnx.save(model, str(path), save_as_external_data=True, location="net.data", size_threshold=0)
    return path


def test_weights_beside_the_file_become_part_of_the_copy(tmp_path: Path) -> None:
    source = written(tmp_path)
    (tmp_path / "copy").mkdir()
    take(source, tmp_path / "copy" / "float.onnx")
    copied = onnx.load(str(tmp_path / "copy" / "float.onnx"))
    assert np.array_equal(onnx.numpy_helper.to_array(copied.graph.initializer[0]), np.arange(4096))


def test_missing_weights_are_the_arms_failure(tmp_path: Path) -> None:
    source = written(tmp_path)
    (tmp_path / "net.data").unlink()
    with pytest.raises(ArmFailed, match="external data"):
        take(source, tmp_path / "float.onnx")
