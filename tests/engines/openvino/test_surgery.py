"""Surgery on OpenVINO's models: one thing changes in the graph and in what runs, and what does nothing is refused."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from ironlaw.engines.border import change
from ironlaw.engines.border.change import Changed
from ironlaw.engines.openvino.model import core
from ironlaw.errors import ArmFailed
from ironlaw.variant import Variant

openvino = pytest.importorskip("openvino")

from ironlaw.engines.openvino import surgery  # noqa: E402
from ironlaw.engines.openvino.model import SourceModel, before_quantization, is_quantized  # noqa: E402

from . import graphs  # noqa: E402


def compiled(model: Any) -> Any:
    return core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})


def operate(level: str, model: Any) -> Changed:
    return surgery.operate(Variant.parse(f"int8@openvino+{level}"), model, graphs.runs(model), compiled)


def is_float(node: Any) -> bool:
    data, weights = node.input_values()
    return before_quantization(data) is None and not is_quantized(weights)


@pytest.mark.parametrize("level", ["float-ops=ConvolutionBackpropData", f"float-nodes={graphs.RISE}"])
def test_what_is_named_computes_in_float_and_all_else_as_before(level: str) -> None:
    model = graphs.rising()
    changed = operate(level, model)
    assert is_float(graphs.node(model, graphs.RISE))
    assert not is_float(graphs.node(model, "first"))
    assert list(changed.done) == [level.partition("=")[0]]
    assert "1 operators left in float (ConvolutionBackpropData), 2 inputs of them widened; cosine" in changed.notes[0]


def test_a_left_out_weight_has_the_value_of_the_stored_one() -> None:
    model = graphs.rising()
    before = compiled(openvino.Model([graphs.node(model, graphs.RISE).input_value(1)], [], "w"))({})[0].copy()
    operate("float-ops=ConvolutionBackpropData", model)
    after = graphs.node(model, graphs.RISE).input_value(1).get_node()
    assert after.get_type_name() == "Constant"
    numpy.testing.assert_array_equal(after.data, before)


def test_a_layer_that_moves_values_reads_floats_too_and_its_other_readers_keep_theirs() -> None:
    model = graphs.rising(between=True)
    operate("float-ops=ConvolutionBackpropData", model)
    moved = graphs.node(model, graphs.RISE).input_value(0).get_node()
    assert moved.get_friendly_name() == "moved/float"
    assert moved.input_value(0).get_node().get_type_name() == "Relu"


def test_integers_of_an_onnx_file_are_followed_back_to_what_was_quantized() -> None:
    model = graphs.dequantized()
    operate("float-ops=MatMul", model)
    product = graphs.node(model, "product")
    assert is_float(product)
    assert product.input_value(0).get_node().get_type_name() == "Parameter"


def test_a_scaling_without_integers_before_it_is_no_dequantization() -> None:
    from openvino import opset13 as ops

    x = ops.parameter([2, 4], numpy.float32)
    scaled = ops.multiply(graphs.quantized(x, "fq"), ops.constant(numpy.float32(3)))
    assert before_quantization(scaled.output(0)) is None


@pytest.mark.parametrize(
    ("level", "said"),
    [
        ("float-ops=MatMul", "this model has no such operator"),
        ("float-ops=Relu", "no input of it is quantized"),
        ("float-nodes=third", "no node called third"),
        (f"float-nodes={graphs.RISE}:third", "no node called third"),
    ],
)
def test_what_would_change_nothing_is_refused(level: str, said: str) -> None:
    with pytest.raises(ArmFailed, match=said):
        operate(level, graphs.rising())


def test_a_change_of_the_answers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change, "least_cosine", lambda before, after: 0.5)
    with pytest.raises(ArmFailed, match=r"cosine of 0\.500"):
        operate("float-ops=ConvolutionBackpropData", graphs.rising())


def test_a_change_that_runs_the_same_operators_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surgery, "kernels", lambda compiled: [])
    with pytest.raises(ArmFailed, match="still runs the same operators"):
        operate("float-ops=ConvolutionBackpropData", graphs.rising())


def test_products_are_meant_as_int8_where_both_sides_are_quantized() -> None:
    model = graphs.rising()
    assert SourceModel.of(model).quantized == {"first", graphs.RISE}
    operate("float-ops=ConvolutionBackpropData", model)
    assert SourceModel.of(model).quantized == {"first"}
