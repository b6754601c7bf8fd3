"""What layers have to do, by hand; torch's own FLOP counter is asked in tests/measure/layers/test_layer_survey.py."""

from __future__ import annotations

import re

import pytest

from ironlaw.analysis.layers.operators import converts, kind_of, roles
from ironlaw.analysis.layers.work import arithmetic, bytes_of, executed, macs
from ironlaw.engines import ENGINES
from ironlaw.layer import Form, LayerCall
from ironlaw.missing import Missing


def call(operator: str, *forms: tuple[int, ...], weight: tuple[int, ...] = (), dtype: str = "float32") -> LayerCall:
    """A call with an input, an output and perhaps a weight."""
    inputs, outputs = forms[:1], forms[1:]
    return LayerCall(
        path="x",
        operator=operator,
        inputs=tuple(Form(shape, dtype) for shape in inputs),
        outputs=tuple(Form(shape, dtype) for shape in outputs),
        parameters=(Form(weight, dtype),) if weight else (),
    )


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (call("Conv2d", (1, 3, 8, 8), (1, 16, 8, 8), weight=(16, 3, 3, 3)), 16 * 64 * 27),
        (call("Conv2d", (1, 16, 8, 8), (1, 16, 8, 8), weight=(16, 1, 3, 3)), 16 * 64 * 9),
        (call("ConvTranspose2d", (1, 4, 8, 8), (1, 2, 16, 16), weight=(4, 2, 2, 2)), 4 * 64 * 8),
        (call("Linear", (5, 7), (5, 11), weight=(11, 7)), 5 * 7 * 11),
        (call("ReLU", (1, 3, 8, 8), (1, 3, 8, 8)), 0),
    ],
)
def test_multiply_accumulates_by_hand(layer: LayerCall, expected: int) -> None:
    assert macs(layer) == expected


def test_what_shapes_cannot_show_is_missing_and_not_zero() -> None:
    assert isinstance(macs(call("MultiheadAttention", (4, 1, 8), (4, 1, 8), weight=(24, 8))), Missing)


def test_bytes_are_inputs_outputs_and_weights_in_their_own_formats() -> None:
    layer = LayerCall(
        path="x",
        operator="Linear",
        inputs=(Form((2, 8), "quint8"),),
        outputs=(Form((2, 4), "float32"),),
        parameters=(Form((4, 8), "qint8"), Form((4,), "float32")),
    )
    assert bytes_of(layer) == 16 + 32 + 32 + 16
    assert isinstance(bytes_of(call("Linear", (2, 8), (2, 4), dtype="float4")), Missing)


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("ConvReLU2d", {"conv", "relu"}),
        ("ConvBnReLU2d", {"conv", "batchnorm", "relu"}),
        ("ConvBn2d", {"conv", "batchnorm"}),
        ("BNReLU2d", {"batchnorm", "relu"}),
        ("ConvTranspose", {"conv", "transposed"}),
        ("aten::conv_transpose2d", {"conv", "transposed"}),
        ("Deconvolution", {"conv", "transposed"}),
        ("add_relu", {"add", "relu"}),
        ("LinearLeakyReLU", {"linear", "leakyrelu"}),
        ("DynamicQuantizedLinear", {"linear"}),
        ("QLinearConv", {"conv"}),
        ("QLinearAdd", {"add"}),
        ("QGemm", {"linear"}),
        ("ConvolutionRelu", {"conv", "relu"}),
        ("quantize_per_tensor", {"quantize"}),
        ("DequantizeLinear", {"dequantize"}),
        ("DeQuantize", {"dequantize"}),
        ("adaptive_avg_pool2d", {"average pool"}),
        ("conv2d_batch_norm_relu", {"conv", "batchnorm", "relu"}),
        ("linear_add_gelu", {"linear", "add", "gelu"}),
        ("to_mkldnn", {"reorder"}),
        ("MyOwnThing", {"myownthing"}),
    ],
)
def test_operators_are_what_their_names_say(operator: str, expected: set[str]) -> None:
    assert roles(operator) == expected


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (call("Conv2d", (1, 8, 4, 4), (1, 4, 4, 4), weight=(4, 8, 1, 1)), "1x1"),
        (call("Conv2d", (1, 8, 4, 4), (1, 8, 4, 4), weight=(8, 1, 3, 3)), "depth-wise"),
        (call("ConvReLU2d", (1, 8, 4, 4), (1, 4, 4, 4), weight=(4, 8, 3, 3)), "3x3"),
        (call("Linear", (1, 8), (1, 4), weight=(4, 8)), "linear"),
        (call("Quantize", (1, 8), (1, 8)), "quantize"),
        (call("DynamicQuantizeMatMul", (1, 8), (1, 8)), "matmul"),
        (call("LinearReLU", (1, 8), (1, 8)), "linear"),
    ],
)
def test_kinds_are_reported_by_operator_and_shape(layer: LayerCall, kind: str) -> None:
    assert kind_of([layer]) == kind


@pytest.mark.parametrize(
    ("operator", "expected"),
    [("QuantizeLinear", True), ("DynamicQuantizeLinear", True), ("DynamicQuantizeMatMul", False), ("Gemm", False)],
)
def test_what_also_multiplies_is_no_conversion(operator: str, expected: bool) -> None:
    assert converts(call(operator, (1, 8), (1, 8))) is expected


def test_int8_weights_on_float_data_are_int8_arithmetic_only_where_the_operator_quantizes() -> None:
    dynamic = LayerCall(
        path="x", operator="Linear", inputs=(Form((1, 8), "float32"),), parameters=(Form((4, 8), "qint8"),)
    )
    assert arithmetic(dynamic) == "int8"
    assert arithmetic(call("Linear", (1, 8), (1, 4), weight=(4, 8))) == "fp32"


def test_the_kernel_is_reported_without_the_reorders_around_it() -> None:
    layer = LayerCall(
        path="x",
        operator="Conv2d",
        inputs=(Form((1, 3, 8, 8), "float32"),),
        kernels=("reorder jit:uni f32", "convolution jit:avx512_core f32"),
    )
    assert executed([layer]) == "fp32, convolution jit:avx512_core f32"


@pytest.mark.parametrize(
    "part", sorted({part for declared in ENGINES.values() for parts in declared.operators.values() for part in parts})
)
def test_a_part_of_a_name_stands_for_one_thing_in_every_engine(part: str) -> None:
    stands_for = {
        frozenset(role for role, parts in declared.operators.items() if part in parts) for declared in ENGINES.values()
    }
    assert len(stands_for - {frozenset()}) == 1
    assert part == re.sub(r"[\d_]", "", part).lower()
