"""The graph of a model file, read without an engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironlaw.models.file_graphs import read_graph
from tests.models.test_given_arrays import embedding

pytest.importorskip("onnx")


def test_nodes_have_types_feeders_and_constants(tmp_path: Path) -> None:
    graph = read_graph(embedding(tmp_path / "e.onnx", cast=True, quantized=True))
    assert [(node.kind, node.fed_by, node.constants) for node in graph.nodes] == [
        ("Cast", (-1,), ()),
        ("Gather", (0,), ("words",)),
        ("Gather", (-1,), ("segments",)),
        ("Add", (1, 2), ()),
        ("Cast", (-1,), ()),
    ]
    assert [node.name for node in graph.nodes] == ["x64", "a", "b", "y", "m"]


def test_what_is_no_model_file_has_no_graph(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"\xff" * 10)
    (tmp_path / "broken.xml").write_text("<net")
    for source in ("resnet18", "m.py:build", str(tmp_path / "broken.onnx"), str(tmp_path / "broken.xml")):
        assert read_graph(source).nodes == ()


def test_layers_of_an_ir_are_named_as_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "m.xml").write_text(
        '<net><layers><layer id="0" name="x" type="Parameter"/><layer id="1" name="w" type="Const"/>'
        '<layer id="2" name="w/convert" type="Convert"/><layer id="3" name="__module.up/ConvolutionBackpropData"'
        ' type="ConvolutionBackpropData"/><layer id="4" name="r" type="Result"/></layers><edges>'
        '<edge from-layer="1" from-port="0" to-layer="2" to-port="0"/>'
        '<edge from-layer="0" from-port="0" to-layer="3" to-port="0"/>'
        '<edge from-layer="2" from-port="1" to-layer="3" to-port="1"/>'
        '<edge from-layer="3" from-port="2" to-layer="4" to-port="0"/></edges></net>'
    )
    (node,) = read_graph(str(tmp_path / "m.xml")).nodes
    assert (node.name, node.fed_by, node.constants) == ("__module.up/ConvolutionBackpropData", (-1,), ("w",))
