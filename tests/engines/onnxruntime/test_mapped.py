"""weights=mapped and weights=aliased: the same operators, over weights in a mapped file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest

from ironlaw.engines import ENGINES
from ironlaw.engines.onnxruntime import execution as engine
from ironlaw.errors import ArmFailed
from ironlaw.factors import FACTORS
from ironlaw.models import open_model
from ironlaw.program import Program
from ironlaw.variant import Variant

from .test_surgery import _graph, _values, few_bits

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

WIDTH, ROWS = 512, 4


def two_products(folder: Path) -> Path:
    node = onnx.helper.make_node
    nodes = [node("MatMul", ["x", "up"], ["a"]), node("Relu", ["a"], ["b"]), node("MatMul", ["b", "down"], ["y"])]
    weights = {"up": _values(1, WIDTH, WIDTH), "down": _values(2, WIDTH, WIDTH)}
    path = folder / "products.onnx"
    onnx.save(_graph(nodes, weights, [ROWS, WIDTH], [ROWS, WIDTH]), path)
    return path


def loaded(path: Path, folder: Path, levels: str = "") -> Program:
    variant = Variant.parse(f"given@onnxruntime{levels}")
    model = open_model(str(path))
    return engine.load(variant, engine.prepare(variant, model, folder / f"prepared{levels}"), model)


def answer(program: Program) -> Any:
    (found,) = program.infer(*program.feed(*program.inputs[0]))
    return found


@pytest.mark.parametrize("prepacking", ["", "+session.prepacking=off"])
def test_mapped_weights_answer_the_same_and_aliased_ones_do_not(tmp_path: Path, prepacking: str) -> None:
    path = two_products(tmp_path)
    plain, mapped, aliased = (
        loaded(path, tmp_path, f"{prepacking}{level}") for level in ("", "+weights=mapped", "+weights=aliased")
    )
    numpy.testing.assert_array_equal(answer(plain), answer(mapped))
    assert mapped.applied["weights"] == "2.1 MB of weights over 2.10 MB of memory"
    assert aliased.applied["weights"] == "2.1 MB of weights over 0.26 MB of memory"
    assert not numpy.array_equal(answer(plain), answer(aliased))
    assert numpy.isfinite(answer(aliased)).all()
    repeated = loaded(path, tmp_path, f"{prepacking}+weights=repeated")
    numpy.testing.assert_array_equal(answer(repeated), answer(aliased))
    assert repeated.applied["weights"] == "2.1 MB of weights over 2.10 MB of memory"


def test_aliased_weights_repeat_every_frame(tmp_path: Path) -> None:
    """128 rows of 512 floats are 256 KiB: of weights as they are stored, each row is that of 128 rows before."""
    node = onnx.helper.make_node
    path = tmp_path / "one.onnx"
    weights = _values(1, WIDTH, WIDTH)
    onnx.save(_graph([node("MatMul", ["x", "w"], ["y"])], {"w": weights}, [ROWS, WIDTH], [ROWS, WIDTH]), path)
    program = loaded(path, tmp_path, "+session.prepacking=off+weights=aliased")
    x = program.inputs[0][0]
    repeated = numpy.tile(weights[:128], (4, 1))
    numpy.testing.assert_allclose(answer(program), numpy.asarray(x) @ repeated, rtol=1e-4, atol=1e-4)


def test_weights_of_few_bits_are_refused_since_their_scales_would_hold_codes(tmp_path: Path) -> None:
    path = few_bits(tmp_path, symmetric=True)
    with pytest.raises(ArmFailed, match=r"no weights to alias|weights of uint8"):
        loaded(path, tmp_path, "+weights=aliased")


def test_only_float_and_given_sessions_take_the_level() -> None:
    takes = ENGINES["onnxruntime"].takes
    assert takes(FACTORS["weights"], "fp32")
    assert takes(FACTORS["weights"], "given")
    assert not takes(FACTORS["weights"], "int8")
