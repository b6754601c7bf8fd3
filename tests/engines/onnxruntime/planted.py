"""Small ONNX networks with one planted fault of quantization, or with none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ironlaw.engines.border.phases import Phases
from ironlaw.engines.onnxruntime import files
from ironlaw.engines.onnxruntime.replay import OnnxReplayer

CHANNELS, SIDE, LAYERS = 8, 10, 5
OUTLIER = 200.0
SIZED = 1  # the channel of inputs that may be larger


def write(path: Path, *, outlier: int | None = None, ignores: int | None = None, also: int | None = None) -> None:
    """Convolutions 1x1 in a row, means over places, as scores of classes.

    In the layer `outlier` one channel is very large, and the next layer does not read it; the first layer `ignores` a
    channel of the input. The layer `also` is a second output.
    """
    rng = np.random.default_rng(7)
    constants, nodes, before = [], [], "input0"
    for place in range(LAYERS):
        weight = np.eye(CHANNELS) + rng.normal(0, 0.15, (CHANNELS, CHANNELS))
        if place == outlier:
            weight[0] *= OUTLIER
        if place == 0 and ignores is not None:
            weight[:, ignores] = 0
        if outlier is not None and place == outlier + 1:
            weight[:, 0] = 0
        name = f"block{place}.weight"
        constants.append(numpy_helper.from_array(weight[:, :, None, None].astype(np.float32), name))
        nodes.append(
            helper.make_node("Conv", [before, name], [f"made{place}"], name=f"conv{place}", kernel_shape=[1, 1])
        )
        before = f"made{place}"
    nodes.append(helper.make_node("ReduceMean", [before], ["scores"], name="mean", axes=[2, 3], keepdims=0))
    shape = [1, CHANNELS, SIDE, SIDE]
    inner = [] if also is None else [helper.make_tensor_value_info(f"made{also}", onnx.TensorProto.FLOAT, shape)]
    graph = helper.make_graph(
        nodes,
        "planted",
        [helper.make_tensor_value_info("input0", onnx.TensorProto.FLOAT, [1, CHANNELS, SIDE, SIDE])],
        [helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, [1, CHANNELS]), *inner],
        initializer=constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, str(path))
    files.write_places(path, {"input0": 0})


def images(count: int, *, seed: int, size: float = 1.0) -> list[tuple[Any, ...]]:
    """Inputs in which one channel is `size` times as large as the others."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        shown = rng.normal(rng.normal(0, 1, (1, CHANNELS, 1, 1)), 0.5, (1, CHANNELS, SIDE, SIDE))
        shown[:, SIZED] *= size
        made.append((shown.astype(np.float32),))
    return made


def replayer(folder: Path, calibration: list[tuple[Any, ...]], **planted: int) -> OnnxReplayer:
    """The network in int8 by ONNX Runtime's own tools, ready to be replayed."""
    source, made = folder / "float.onnx", folder / "prepared.onnx"
    write(source, **planted)
    files.quantize(source, made, files.Int8(), calibration, Phases())
    return OnnxReplayer(source.with_suffix(".ready.onnx"), made, threads=1)


def write_products(path: Path) -> None:
    """Two products that read one tensor, and a product with a bias that reads theirs."""
    rng = np.random.default_rng(11)
    weights = {name: rng.normal(0, 0.3, (CHANNELS, CHANNELS)).astype(np.float32) for name in ("q", "k", "v")}
    weights["v"][:, 0] *= 30  # one scale for the whole matrix would round the other columns away
    nodes = [
        helper.make_node("MatMul", ["input0", "q"], ["query"], name="query"),
        helper.make_node("MatMul", ["input0", "k"], ["key"], name="key"),
        helper.make_node("Mul", ["query", "key"], ["both"], name="both"),
        helper.make_node("Gemm", ["both", "v", "b"], ["scores"], name="last"),
    ]
    for node in (nodes[0], nodes[-1]):
        node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=f"['', 'attention.{node.name}', 'linear']")
    graph = helper.make_graph(
        nodes,
        "products",
        [helper.make_tensor_value_info("input0", onnx.TensorProto.FLOAT, [4, CHANNELS])],
        [helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, [4, CHANNELS])],
        initializer=[
            *(numpy_helper.from_array(values, name) for name, values in weights.items()),
            numpy_helper.from_array(np.ones(CHANNELS, np.float32), "b"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, str(path))
    files.write_places(path, {"input0": 0})


def rows(*, seed: int) -> tuple[Any]:
    """Arguments of one inference of the products."""
    return (np.random.default_rng(seed).normal(0, 1, (4, CHANNELS)).astype(np.float32),)
