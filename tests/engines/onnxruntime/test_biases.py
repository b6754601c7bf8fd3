"""Correcting biases for the mean of what rounding takes, in a network whose weights round badly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from ironlaw.engines.border.phases import Phases
from ironlaw.engines.onnxruntime import files
from ironlaw.engines.onnxruntime.biases import correct_biases
from ironlaw.errors import ArmFailed

CHANNELS, SIDE, LAYERS, CLASSES = 32, 6, 3, 5
RNG_SEED = 11


def write(path: Path, *, has_biases: bool = True) -> None:
    """Three convolutions with ReLU and a Gemm. Beside one large weight a channel, the others of it round to zero."""
    rng = np.random.default_rng(RNG_SEED)
    constants, nodes, before = [], [], "input0"

    def constant(name: str, values: Any) -> str:
        constants.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    for place in range(LAYERS):
        weight = rng.uniform(0.1, 0.45, (CHANNELS, CHANNELS, 1, 1)) / 127
        weight[np.arange(CHANNELS), np.arange(CHANNELS)] = 1.0
        read = [before, constant(f"weight{place}", weight)]
        read += [constant(f"bias{place}", rng.normal(0, 0.1, CHANNELS))] if has_biases else []
        nodes.append(helper.make_node("Conv", read, [f"made{place}"], name=f"conv{place}", kernel_shape=[1, 1]))
        nodes.append(helper.make_node("Relu", [f"made{place}"], [f"kept{place}"], name=f"relu{place}"))
        before = f"kept{place}"
    nodes.append(helper.make_node("ReduceMean", [before], ["pooled"], name="mean", axes=[2, 3], keepdims=0))
    read = ["pooled", constant("head.weight", rng.normal(0, 0.3, (CLASSES, CHANNELS)))]
    read += [constant("head.bias", rng.normal(0, 0.1, CLASSES))] if has_biases else []
    nodes.append(helper.make_node("Gemm", read, ["scores"], name="head", transB=1))
    graph = helper.make_graph(
        nodes,
        "rounding",
        [helper.make_tensor_value_info("input0", onnx.TensorProto.FLOAT, [1, CHANNELS, SIDE, SIDE])],
        [helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, [1, CLASSES])],
        initializer=constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, str(path))
    files.write_places(path, {"input0": 0})


def arguments(count: int, seed: int) -> list[tuple[Any, ...]]:
    """Positive inputs, as images and rectified values are: what is rounded away has a mean."""
    rng = np.random.default_rng(seed)
    return [(rng.uniform(0, 1, (1, CHANNELS, SIDE, SIDE)).astype(np.float32),) for _ in range(count)]


def outputs(path: Path) -> Any:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"input0": one[0]})[0] for one in arguments(20, 3)])


def quantized(folder: Path, name: str, **how: Any) -> Path:
    made = folder / name
    files.quantize(folder / "float.onnx", made, files.Int8(**how), arguments(8, 1), Phases())
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "float.onnx")
    return tmp_path


def test_the_mean_error_of_the_answers_is_corrected_on_inputs_that_did_not_calibrate(folder: Path) -> None:
    expected = outputs(folder / "float.onnx")
    plain, corrected = (
        outputs(quantized(folder, f"{on}.onnx", biases_corrected=on)) - expected for on in (False, True)
    )
    assert np.abs(corrected.mean(axis=0)).max() < 0.3 * np.abs(plain.mean(axis=0)).max()
    assert (corrected**2).sum() < 0.3 * (plain**2).sum()


def test_only_biases_change_and_they_are_counted(folder: Path) -> None:
    plain, made = quantized(folder, "plain.onnx"), folder / "made.onnx"
    made.write_bytes(plain.read_bytes())
    feeds = [{"input0": one[0]} for one in arguments(8, 1)]
    assert correct_biases(folder / "float.ready.onnx", made, feeds) == LAYERS + 1
    before, after = (
        {one.name: one.SerializeToString() for one in onnx.load(str(path)).graph.initializer} for path in (plain, made)
    )
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {*(f"bias{place}_quantized" for place in range(LAYERS)), "head.bias_quantized"}


def test_what_inputs_lose_at_the_ends_of_their_range_is_made_up_for(folder: Path) -> None:
    plain, made = quantized(folder, "plain.onnx"), folder / "made.onnx"

    def bias(path: Path) -> Any:
        constants = {one.name: numpy_helper.to_array(one) for one in onnx.load(str(path)).graph.initializer}
        return constants["bias0_quantized"].astype(np.int64)

    added = {}
    for times in (1, 2):  # beyond the calibrated range values are cut
        made.write_bytes(plain.read_bytes())
        correct_biases(folder / "float.ready.onnx", made, [{"input0": times * one[0]} for one in arguments(8, 1)])
        added[times] = bias(made) - bias(plain)
    assert (added[2] > 4 * added[1]).all()  # rounded weights alone lose twice as much


def test_a_layer_is_corrected_for_its_own_error_whatever_else_is_in_int8(folder: Path) -> None:
    def last_bias(**how: Any) -> Any:
        made = onnx.load(str(quantized(folder, "made.onnx", biases_corrected=True, **how)))
        constants = {one.name: numpy_helper.to_array(one) for one in made.graph.initializer}
        return constants["bias2_quantized"]

    assert (last_bias() == last_bias(floats=("conv0",))).all()


@pytest.mark.parametrize(
    ("prepare", "how", "said"),
    [
        (lambda path: write(path, has_biases=False), {}, "has a bias to correct"),
        (lambda _: None, {"qdq": False}, "QDQ files only"),
    ],
)
def test_what_cannot_be_corrected_fails_with_a_reason(
    folder: Path, prepare: Callable[[Path], None], how: dict[str, Any], said: str
) -> None:
    prepare(folder / "float.onnx")
    with pytest.raises(ArmFailed, match=said):
        quantized(folder, "made.onnx", biases_corrected=True, **how)
