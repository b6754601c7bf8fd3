"""Nodes of optimised graphs, traced back to the layer whose weights they multiply by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ironlaw.engines.onnxruntime.profile import profile
from ironlaw.layer import LayerCall

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")


def linear(folder: Path) -> Path:
    """A linear layer over three dimensions, as exporters write it: a product and an addition."""
    rng = np.random.default_rng(0)
    make, form = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    constants = [
        onnx.numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), f"encoder.{name}")
        for name, shape in (("weight", (64, 32)), ("bias", (32,)))
    ]
    nodes = [
        make("MatMul", ["x", "encoder.weight"], ["m"], name="node_MatMul_1"),
        make("Add", ["m", "encoder.bias"], ["y"], name="node_linear_2"),
        make("Tanh", ["y"], ["z"], name="node_tanh"),
    ]
    ends = [form(name, onnx.TensorProto.FLOAT, [4, 8, width]) for name, width in (("x", 64), ("z", 32))]
    graph = onnx.helper.make_graph(nodes, "linear", ends[:1], ends[1:], constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, str(folder / "float.onnx"))
    return folder / "float.onnx"


def products(file: Path) -> dict[str, LayerCall]:
    """The calls of a session that have parameters, by operator."""
    options = ort.SessionOptions()
    options.log_severity_level = 3

    def opened(made: object) -> object:
        return ort.InferenceSession(str(file), made, providers=["CPUExecutionProvider"])

    found = profile(opened, options, file, [{"x": np.ones((4, 8, 64), np.float32)}])
    return {call.operator: call for call in found.calls if call.parameters}


def test_a_product_fused_with_its_addition_is_the_same_layer_as_its_dynamically_quantized_form(tmp_path: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    file = linear(tmp_path)
    quantize_dynamic(str(file), str(tmp_path / "int8.onnx"))
    gemm, dynamic = products(file)["Gemm"], products(tmp_path / "int8.onnx")["DynamicQuantizeMatMul"]
    assert gemm.path == dynamic.path == "encoder"
    assert not gemm.is_functional
    assert not dynamic.is_functional
    assert [gemm.parameters[0].dtype, dynamic.parameters[0].dtype] == ["float32", "int8"]
