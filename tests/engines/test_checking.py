"""infer.py check: whether an exported arm agrees with float on the inputs written beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import helper, numpy_helper  # noqa: E402

from ironlaw.engine import Export  # noqa: E402
from ironlaw.engines import exported  # noqa: E402
from ironlaw.variant import Variant  # noqa: E402

COUNT, WIDE = 20, 4
NAMED = exported.Named(arm="a", model="m", variant=Variant.parse("int8@onnxruntime"), threads=1)
VALUES = {"optimization": "ORT_ENABLE_ALL", "arena": True, "entries": (), "disabled": (), "places": {"input0": 0}}


def write(folder: Path, weights: np.ndarray, shape: tuple[int, ...]) -> None:
    """A file that multiplies its input by weights."""
    floats = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["input0", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("input0", floats, [1, *shape])],
        [helper.make_tensor_value_info("y", floats, [1, *shape[:-1], weights.shape[1]])],
        initializer=[numpy_helper.from_array(weights.astype(np.float32), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, str(folder / "prepared.onnx"))


def check(folder: Path, *, shape: tuple[int, ...], is_spoiled: bool, wrong: int = 0) -> tuple[int, str]:
    """Run the check of a file that is the float network (or has a dead last column) on inputs held out.

    `wrong` are the inputs whose float answers are other ones.
    """
    rng = np.random.default_rng(3)
    weights = rng.normal(0, 1, (WIDE, WIDE))
    weights[:, 0] *= 300  # a column of large numbers, beside which another one is hardly seen
    shown = np.abs(rng.normal(0, 1, (COUNT, 1, *shape))).astype(np.float32)
    expected = (shown @ weights).astype(np.float32)
    for place in range(wrong):
        expected[place] = -expected[place]
    if is_spoiled:
        weights = weights.copy()
        weights[:, -1] = 0
    write(folder, weights, shape)
    np.savez(folder / exported.CHECK, input0=shown, output0=expected)
    export = Export(files=("prepared.onnx",), values=VALUES)
    (folder / "infer.py").write_text(
        exported.script(NAMED, export, ["input0"], check=exported.Check(least=0.95, calibrated=False))
    )
    ran = subprocess.run(
        [sys.executable, str(folder / "infer.py"), "check"], capture_output=True, text=True, timeout=60, check=False
    )
    assert not ran.stderr
    return ran.returncode, ran.stdout


@pytest.mark.parametrize(("wrong", "status", "said"), [(1, 0, "19 of 20"), (2, 1, "18 of 20")])
def test_scores_of_classes_are_compared_by_the_top_one(wrong: int, status: int, said: str, tmp_path: Path) -> None:
    code, printed = check(tmp_path, shape=(WIDE,), is_spoiled=False, wrong=wrong)
    assert said in printed
    assert code == status
    assert ("less than requested" in printed) is bool(status)


@pytest.mark.parametrize("is_spoiled", [False, True])
def test_a_dead_column_beside_large_numbers_fails_the_check(is_spoiled: bool, tmp_path: Path) -> None:
    code, printed = check(tmp_path, shape=(5, WIDE), is_spoiled=is_spoiled)
    assert code == int(is_spoiled)
    assert ("cosine with float's outputs over 20 held-out inputs: 1.0000" in printed) is not is_spoiled


def test_without_a_float_arm_there_is_no_check(tmp_path: Path) -> None:
    text = exported.script(NAMED, Export(files=("prepared.onnx",), values=VALUES), ["input0"])
    assert "check" not in text
