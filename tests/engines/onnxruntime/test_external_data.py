"""An .onnx file that keeps its weights in a file beside it is taken with that file; onnx is not needed for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ironlaw.engines.onnxruntime.files import copy_model, parts_of
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


def test_weights_beside_the_file_lie_beside_its_copy(tmp_path: Path) -> None:
    source = written(tmp_path)
    (tmp_path / "copy").mkdir()
    copy = tmp_path / "copy" / "float.onnx"
    copy_model(source, copy)
    assert parts_of(copy) == (copy, tmp_path / "copy" / "net.data")
    copied = onnx.load(str(copy))
    assert np.array_equal(onnx.numpy_helper.to_array(copied.graph.initializer[0]), np.arange(4096))


def test_missing_weights_are_the_arms_failure(tmp_path: Path) -> None:
    source = written(tmp_path)
    (tmp_path / "net.data").unlink()
    (tmp_path / "copy").mkdir()
    with pytest.raises(ArmFailed, match=r"net.data, which cannot be read"):
        copy_model(source, tmp_path / "copy" / "float.onnx")


def test_weights_outside_of_the_models_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    source = written(tmp_path)
    moved = source.rename(tmp_path / "inner" / "net.onnx")
    whole = onnx.load(str(moved), load_external_data=False)
    [entry] = [one for one in whole.graph.initializer[0].external_data if one.key == "location"]
    entry.value = "../net.data"
    moved.write_bytes(whole.SerializeToString())
    with pytest.raises(ArmFailed, match="outside of its folder"):
        copy_model(moved, tmp_path / "float.onnx")
