"""Inputs of model files: valid ones from the graph, and those of an .npz file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ironlaw.errors import BadInput
from ironlaw.models import given_arrays, open_model
from ironlaw.models.graph_inputs import GraphInput
from ironlaw.models.graph_vocabulary import rows_of_tables

onnx = pytest.importorskip("onnx")

ROWS = 11


def embedding(path: Path, *, cast: bool = False, quantized: bool = False) -> str:
    """A graph that looks up `x` and `kinds` in tables of 11 and 3 rows, and multiplies by a mask."""
    from onnx import TensorProto, helper, numpy_helper

    words = np.zeros((ROWS, 4), np.uint8 if quantized else np.float32)
    nodes = [] if not cast else [helper.make_node("Cast", ["x"], ["x64"], to=TensorProto.INT64)]
    if quantized:
        nodes.append(helper.make_node("DequantizeLinear", ["words", "scale"], ["table"]))
    nodes += [
        helper.make_node("Gather", ["table" if quantized else "words", "x64" if cast else "x"], ["a"]),
        helper.make_node("Gather", ["segments", "kinds"], ["b"], axis=-2),
        helper.make_node("Add", ["a", "b"], ["y"]),
        helper.make_node("Cast", ["my_mask"], ["m"], to=TensorProto.FLOAT),
    ]
    constants = [
        numpy_helper.from_array(words, "words"),
        numpy_helper.from_array(np.zeros((3, 4), np.float32), "segments"),
        numpy_helper.from_array(np.array(0.5, np.float32), "scale"),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "length"]) for name in ("x", "kinds", "my_mask")
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "m")]
    graph = helper.make_graph(nodes, "g", inputs, outputs, constants)
    onnx.save(helper.make_model(graph), path)
    return str(path)


@pytest.mark.parametrize(("cast", "quantized"), [(False, False), (True, False), (False, True), (True, True)])
def test_tables_are_found_behind_casts_and_dequantization(tmp_path: Path, cast: bool, quantized: bool) -> None:
    assert rows_of_tables(embedding(tmp_path / "e.onnx", cast=cast, quantized=quantized)) == {"x": ROWS, "kinds": 3}


def test_random_numbers_are_rows_of_the_table_whatever_the_input_is_called(tmp_path: Path) -> None:
    model = open_model(embedding(tmp_path / "e.onnx"))
    words = np.concatenate([one[0] for one in model.inputs])
    assert (words.min(), words.max()) == (0, ROWS - 1)
    assert {int(value) for one in model.inputs for value in one[1].ravel()} == {0, 1, 2}
    assert all((one[2] == 1).all() for one in model.inputs)


def test_an_open_dimension_is_sized_by_its_name(tmp_path: Path) -> None:
    from ironlaw.point import Point

    source = embedding(tmp_path / "e.onnx")
    assert open_model(source, at=Point(settings=(("length", "5"),))).inputs[0][0].shape == (1, 5)
    with pytest.raises(BadInput, match="no open dimension called 'lenght'"):
        open_model(source, at=Point(settings=(("lenght", "5"),)))


def kept(path: Path, **arrays: Any) -> str:
    np.savez(path, **arrays)
    return str(path)


def test_given_arrays_are_the_inputs_one_by_one(tmp_path: Path) -> None:
    x = np.arange(12).reshape(3, 1, 4) % ROWS
    path = kept(tmp_path / "i.npz", x=x, kinds=np.zeros_like(x), my_mask=np.ones_like(x))
    model = open_model(embedding(tmp_path / "e.onnx"), inputs=path)
    assert [one[0].tolist() for one in model.inputs] == x.tolist()
    assert model.probes[2][0].tolist() == x[2].tolist()


SHAPED = GraphInput(name="x", dtype="float32", shape=(None, 4))
WHOLE = GraphInput(name="x", dtype="int8", shape=(2,))


@pytest.mark.parametrize(
    ("graph_input", "arrays", "said"),
    [
        (SHAPED, {"y": np.zeros((1, 4), np.float32)}, "no such input"),
        (SHAPED, {}, "no array for the input 'x'"),
        (SHAPED, {"x": np.zeros((1, 5), np.float32)}, "has the sizes 1x5, and the input \\?x4"),
        (SHAPED, {"x": np.zeros((1, 4), np.int64)}, "is int64, and the input is float32"),
        (WHOLE, {"x": np.array([1, 300])}, "is int64, and the input is int8"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(
    tmp_path: Path, graph_input: GraphInput, arrays: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        given_arrays.read(kept(tmp_path / "i.npz", **arrays), [graph_input])


def test_a_file_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "i.npz").write_bytes(b"PK\x03\x04 nothing")
    for name in ("i.npz", "missing.npz"):
        with pytest.raises(BadInput, match="read"):
            given_arrays.check(str(tmp_path / name))


def test_arrays_are_for_model_files_only() -> None:
    with pytest.raises(BadInput, match=r"no \.onnx or \.xml file"):
        open_model("resnet18", inputs="i.npz")
