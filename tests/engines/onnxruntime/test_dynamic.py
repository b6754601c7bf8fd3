"""Dynamic int8 of ONNX Runtime: its layers replayed, left in float by the tools, and named by their modules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from ironlaw.engines.border.phases import Phases
from ironlaw.engines.onnxruntime import files
from ironlaw.engines.onnxruntime.replay import OnnxReplayer
from ironlaw.errors import ArmFailed

from .planted import rows, write_products

pytestmark = pytest.mark.filterwarnings("ignore")


def made(folder: Path, how: files.Int8 | None = None) -> Path:
    """The products in dynamic int8."""
    source, target = folder / "float.onnx", folder / "prepared.onnx"
    write_products(source)
    files.quantize_dynamic(source, target, how or files.Int8(), Phases())
    return target


@pytest.fixture
def replayer(tmp_path: Path) -> OnnxReplayer:
    target = made(tmp_path)
    return OnnxReplayer(target.with_name("float.ready.onnx"), target, threads=1)


def operators(file: Path) -> list[str]:
    return [node.op_type for node in onnx.load(str(file)).graph.node]


def answer(file: Path, seed: int) -> np.ndarray:
    (found,) = onnxruntime.InferenceSession(str(file)).run(None, {"input0": rows(seed=seed)[0]})
    return np.asarray(found)


def error(file: Path) -> float:
    expected = answer(file.with_name("float.onnx"), 3)
    return float(np.linalg.norm(answer(file, 3) - expected) / np.linalg.norm(expected))


def test_every_product_is_a_site_under_the_name_of_its_node(replayer: OnnxReplayer) -> None:
    assert {site.nodes for site in replayer.sites} == {("query",), ("key",), ("last",)}
    assert {site.path for site in replayer.sites if site.nodes == ("query",)} == {"attention.query"}


def test_the_replayed_networks_are_those_of_the_files(replayer: OnnxReplayer, tmp_path: Path) -> None:
    replayer.open(range(3))
    begun = replayer.begin(rows(seed=3))
    np.testing.assert_allclose(begun.in_float[0], answer(tmp_path / "float.onnx", 3), atol=1e-4)
    np.testing.assert_allclose(begun.in_int8[0], answer(tmp_path / "prepared.onnx", 3), atol=1e-4)
    np.testing.assert_allclose(replayer.mixed(frozenset(range(3)))(rows(seed=3))[0], begun.in_float[0], atol=1e-4)


def test_a_layer_left_in_float_answers_as_the_file_in_which_the_tools_left_it(
    replayer: OnnxReplayer, tmp_path: Path
) -> None:
    place = [site.nodes for site in replayer.sites].index(("last",))
    replayer.open(range(3))
    replayer.begin(rows(seed=3))
    other = tmp_path / "other"
    other.mkdir()
    expected = answer(made(other, files.Int8(floats=("last",))), 3)
    np.testing.assert_allclose(replayer.flip(place).left_float[0], expected, atol=1e-4)
    np.testing.assert_allclose(replayer.mixed(frozenset({place}))(rows(seed=3))[0], expected, atol=1e-4)


@pytest.mark.parametrize("name", ["query", "query_quant", "last"])
def test_a_node_named_in_the_float_file_or_as_it_is_executed_stays_in_float(name: str, tmp_path: Path) -> None:
    found = operators(made(tmp_path, files.Int8(floats=(name,))))
    assert found.count("MatMulInteger") == 2
    assert found.count("MatMul") == 1


def test_a_node_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match="no node called other"):
        made(tmp_path, files.Int8(floats=("other",)))


def test_a_scale_for_each_output_rounds_less_than_one_for_the_matrix(tmp_path: Path) -> None:
    (tmp_path / "tensor").mkdir()
    whole = made(tmp_path / "tensor", files.Int8(per_channel=False))
    small = answer(whole.with_name("float.onnx"), 3)[:, 1:]
    by_tensor = np.abs(answer(whole, 3)[:, 1:] - small).max()
    assert np.abs(answer(made(tmp_path), 3)[:, 1:] - small).max() < by_tensor / 2


@pytest.mark.parametrize("name", ["query", "last"])
def test_files_that_the_tools_write_name_the_module_of_each_node(name: str, tmp_path: Path) -> None:
    target = made(tmp_path)
    for file in (target, target.with_name("float.ready.onnx")):
        named = [
            node
            for node in onnx.load(str(file)).graph.node
            if node.name in {name, f"{name}_quant", f"{name}_MatMul_quant"}
        ]
        assert [[entry.value for entry in one.metadata_props] for one in named] == [
            [f"['', 'attention.{name}', 'linear']"]
        ]
