"""Causes that sit in operators: their switches suit the types that an arm executes, and a verdict names the nodes."""

from __future__ import annotations

from ironlaw.arm import Arm
from ironlaw.cause import Cause
from ironlaw.causes.reference_kernel import CAUSE as REFERENCE
from ironlaw.causes.weight_decompression import CAUSE as DECOMPRESSION
from ironlaw.observed import Observed
from ironlaw.variant import Variant

RISES = ("up/ConvTranspose (ConvolutionBackpropData by jit_gemm_f32)", "last (Convolution by ref_any_f32)")


def executing(count: str, *nodes: str) -> Observed:
    arm = Arm(name="ours", variant=Variant.parse("int8@openvino"))
    census, named = {count: float(len(nodes))}, {count: nodes}
    return Observed(arm=arm, wall_ns=1e7, page_faults=0.0, checks={}, census=census, nodes=named, cpus=1)


def suiting(cause: Cause, arm: Observed) -> set[str]:
    return {str(one) for one in cause.switches if cause.suits(one, arm)}


def test_only_types_that_run_slowly_are_left_in_float() -> None:
    arm = executing("reference_operators", *RISES)
    found = suiting(REFERENCE, arm)
    assert found == {"float-ops=ConvolutionBackpropData", "float-ops=Convolution"}
    assert arm.kinds("reference_operators") == {"ConvolutionBackpropData", "Convolution"}


def test_a_verdict_names_the_operators() -> None:
    assert REFERENCE.nodes(executing("reference_operators", *RISES)).strip() == f"({RISES[0]}, {RISES[1]})"
    assert not REFERENCE.nodes(executing("operators"))


def test_accuracy_levels_are_for_products_that_have_them() -> None:
    found = suiting(DECOMPRESSION, executing("widening_operators", "p (MatMul by brgemm_f32)"))
    assert found == {"float-ops=MatMul", "plugin.dynamic-quantization=own"}
    found = suiting(DECOMPRESSION, executing("widening_operators", "q (MatMulNBits)"))
    assert {"accuracy-level=4", "float-ops=MatMulNBits"} <= found
