"""weights=mapped and weights=aliased: OpenVINO's packed weights are found in memory, and their pages repeat.

Pages are mapped in interpreters of their own: where others than those of weights are taken for such, a process may end.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

from ironlaw.engines import ENGINES
from ironlaw.engines.openvino import aliasing
from ironlaw.engines.openvino import execution as engine
from ironlaw.errors import ArmFailed
from ironlaw.factors import FACTORS
from ironlaw.models import open_model
from ironlaw.program import Program
from ironlaw.variant import Variant

openvino = pytest.importorskip("openvino")
pytestmark = pytest.mark.filterwarnings("ignore")

WIDTH, ROWS = 384, 4


def two_products(folder: Path, *, width: int = WIDTH) -> Path:
    from openvino import opset13 as ops

    draw = numpy.random.default_rng(1)

    def weights() -> Any:
        return ops.constant((draw.standard_normal((width, width)) / width**0.5).astype(numpy.float32))

    x = ops.parameter([ROWS, width], numpy.float32, name="x")
    product = ops.matmul(ops.relu(ops.matmul(x, weights(), False, False)), weights(), False, False)
    path = folder / "products.xml"
    openvino.save_model(openvino.Model([product], [x], "products"), str(path), compress_to_fp16=False)
    return path


def loaded(path: Path, folder: Path, levels: str = "") -> Program:
    variant = Variant.parse(f"given@openvino{levels}")
    model = open_model(str(path))
    return engine.load(variant, engine.prepare(variant, model, folder / f"prepared{levels}"), model)


def answer(program: Program) -> Any:
    (found,) = program.infer(*program.feed(*program.inputs[0]))
    return found


def alone(check: Callable[..., None], folder: Path, *arguments: str) -> None:
    """Run a function here in an interpreter of its own, as arms do: a second model finds memory of a first."""
    given = ", ".join(map(repr, arguments))
    code = f"from pathlib import Path; from {__name__} import {check.__name__} as check; "
    code += f"check(Path({str(folder)!r}), {given})"
    root = Path(__file__).parents[3]
    ended = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def keep_answer(folder: Path, name: str, levels: str) -> None:
    program = loaded(two_products(folder), folder, levels)
    numpy.save(folder / f"{name}.npy", answer(program))
    (folder / f"{name}.txt").write_text(program.applied.get("weights", ""))


def test_mapped_weights_answer_the_same_and_aliased_ones_do_not(tmp_path: Path) -> None:
    levels = {
        "plain": "",
        "mapped": "=mapped",
        "repeated": "=repeated",
        "aliased": "=aliased",
        "small": "=aliased:16",
    }
    answers, applied = {}, {}
    for name, level in levels.items():
        alone(keep_answer, tmp_path, name, f"+weights{level}" if level else "")
        answers[name], applied[name] = numpy.load(tmp_path / f"{name}.npy"), (tmp_path / f"{name}.txt").read_text()
    numpy.testing.assert_array_equal(answers["plain"], answers["mapped"])
    # Where the packed weights begin and end within a page differs from process to process.
    for name in ("mapped", "repeated"):
        assert re.fullmatch(r"1\.2 MB of weights over 1\.1[678] MB of memory", applied[name])
    assert applied["aliased"] == "1.2 MB of weights over 0.26 MB of memory"
    assert applied["small"].endswith("MB of weights over 0.02 MB of memory")
    for name in ("repeated", "aliased", "small"):
        assert not numpy.array_equal(answers["plain"], answers[name])
        assert numpy.isfinite(answers[name]).all()


def test_a_model_without_matrices_in_float_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match="no weights in float"):
        loaded(two_products(tmp_path, width=16), tmp_path, "+weights=aliased")


def test_tables_of_which_rows_are_read_are_no_weights() -> None:
    from openvino import opset13 as ops

    rows = ops.parameter([4], numpy.int64, name="rows")
    table, matrix = (ops.constant(numpy.ones((512, side), dtype=numpy.float32)) for side in (512, 16))
    read = ops.gather(table, rows, ops.constant(numpy.int64(0)))
    model = openvino.Model([ops.matmul(read, matrix, False, False)], [rows], "reading")
    assert aliasing.weight_bytes(model) == 512 * 16 * 4


def check_not_found(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aliasing, "weight_bytes", lambda model: 1 << 30)
        with pytest.raises(ArmFailed, match=r"of 1073\.7 MB of weights"):
            loaded(two_products(folder), folder, "+weights=aliased")


def test_weights_that_are_not_found_are_no_experiment(tmp_path: Path) -> None:
    alone(check_not_found, tmp_path)


def test_float_and_given_arms_take_the_level() -> None:
    takes = ENGINES["openvino"].takes
    assert takes(FACTORS["weights"], "fp32")
    assert takes(FACTORS["weights"], "given")
    assert not takes(FACTORS["weights"], "int8")
