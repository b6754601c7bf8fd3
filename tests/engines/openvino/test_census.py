"""The census of OpenVINO's runtime graph: which kernels are slow ones, what only converts, what widens its weights."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

pytest.importorskip("openvino")

from ironlaw.engines.openvino.census import census
from ironlaw.program import OperatorCensus

from . import graphs

RISE = graphs.RISE


def counted(*nodes: tuple[str, str, str, str, str], model: Any = None) -> OperatorCensus:
    return census(graphs.ran(*nodes), model or graphs.rising(), lambda: False)


@pytest.mark.parametrize(
    ("layer", "kernel", "precision", "is_slow"),
    [
        ("Deconvolution", "jit_gemm_f32", "i8", True),
        ("Deconvolution", "jit_avx512_f32", "i8", True),
        ("Deconvolution", "jit_avx512_bf16", "i8", True),
        ("Convolution", "ref_i8", "i8", True),
        ("Convolution", "jit_gemm_i8", "i8", True),
        ("Convolution", "ref_any_f32", "f32", True),
        ("Convolution", "brgconv_avx512_amx_i8", "i8", False),
        ("Convolution", "jit_avx2_I8", "u8", False),
        ("Deconvolution", "jit_gemm_f32", "f32", False),
        ("FullyConnected", "jit_gemm_i8", "i8", False),
        ("Reorder", "ref_any_f32", "f32", False),
    ],
)
def test_slow_kernels_are_distinguished_from_fast_ones(layer: str, kernel: str, precision: str, is_slow: bool) -> None:
    found = counted((layer, kernel, precision, RISE, "f32"))
    assert found.counts["reference_operators"] == float(is_slow)
    if is_slow:
        assert found.nodes["reference_operators"] == (f"{RISE} (ConvolutionBackpropData by {kernel})",)


def test_views_constants_and_ends_are_no_operators() -> None:
    found = counted(("Reshape", "unknown_f32", "f32", "r", "f32"), ("Const", "unknown_i8", "i8", "c", "f32"))
    assert found.counts["operators"] == 0


def test_products_meant_as_int8_that_run_in_float_are_unfused() -> None:
    found = counted(("Convolution", "brgconv_avx512_f32", "f32", "first", "f32"))
    assert found.counts["unfused_operators"] == 1
    assert found.counts["int8_operators"] == 0
    assert found.nodes["unfused_operators"] == ("first (Convolution by brgconv_avx512_f32)",)


def test_integer_kernels_are_counted_and_float_shares_by_elements() -> None:
    found = counted(
        ("Convolution", "brgconv_avx512_amx_i8", "i8", "first", "i8"), ("Reorder", "jit_uni_i8", "i8", "", "f32")
    )
    assert found.counts["int8_operators"] == 1
    assert found.counts["float_share"] == 0.5
    assert (found.counts["reorders"], found.counts["quantize_operators"]) == (1, 1)


@pytest.mark.parametrize("is_dynamic", [False, True])
def test_weights_in_few_bits_are_widened_unless_activations_are_quantized(is_dynamic: bool) -> None:
    import openvino
    from openvino import opset13 as ops

    x = ops.parameter([4, 64], numpy.float32)
    weights = ops.constant(numpy.zeros((64, 64), numpy.int8))
    product = ops.matmul(x, ops.convert(weights, "f32"), False, True)
    product.set_friendly_name("product")
    model = openvino.Model([product], [x], "compressed")
    found = census(graphs.compressed_product("product"), model, lambda: is_dynamic)
    names = ("dynamic_operators", "widening_operators") if is_dynamic else ("widening_operators", "dynamic_operators")
    assert [found.counts[name] for name in names] == [1, 0]
    assert found.nodes[names[0]] == ("product (MatMul by brgemm_avx512_f32)",)
    assert found.counts["int8_operators"] == float(is_dynamic)


def test_a_node_named_after_the_bias_is_the_product_before_it() -> None:
    import openvino
    from openvino import opset13 as ops

    x = ops.parameter([4, 8], numpy.float32)
    product = ops.matmul(x, ops.constant(graphs.values(0, 8, 8)), False, False)
    product.set_friendly_name("product")
    bias = ops.add(product, ops.constant(graphs.values(1, 8)))
    bias.set_friendly_name("bias")
    model = openvino.Model([bias], [x], "linear")
    found = counted(("FullyConnected", "ref_any_f32", "f32", "bias", "f32"), model=model)
    assert found.nodes["reference_operators"] == ("product (MatMul by ref_any_f32)",)
