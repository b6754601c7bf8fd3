"""Causes that sit in operators: their switches suit the types that an arm executes, and a verdict names the nodes."""

from __future__ import annotations

from ironlaw.arm import Arm
from ironlaw.cause import Cause
from ironlaw.causes.prepacking import CAUSE as PREPACKING
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
    assert found == {"float-ops=MatMul", "plugin.dynamic-quantization=own", "inductor.freezing=on"}
    found = suiting(DECOMPRESSION, executing("widening_operators", "q (MatMulNBits)"))
    assert {"accuracy-level=4", "float-ops=MatMulNBits"} <= found


def test_of_a_type_that_also_runs_by_another_kernel_the_slow_nodes_are_left_in_float_by_name() -> None:
    arm = executing("reference_operators", *RISES, "up2/Rise::x (ConvolutionBackpropData by jit_gemm_f32)")
    (switch,) = [one for one in REFERENCE.switches if one.level == "ConvolutionBackpropData"]
    assert str(REFERENCE.fitted(switch, arm)) == "float-nodes=up/ConvTranspose:up2/Rise::x"
    assert REFERENCE.at("float-nodes", "up/ConvTranspose") is not None


def test_types_stay_where_all_operators_of_them_run_so_or_too_many_do() -> None:
    (switch,) = [one for one in REFERENCE.switches if one.level == "ConvInteger"]
    assert REFERENCE.fitted(switch, executing("reference_operators", "stem (ConvInteger)")) == switch
    many = (f"n{place} (ConvInteger by ref)" for place in range(9))
    assert REFERENCE.fitted(switch, executing("reference_operators", *many)) == switch
    odd = executing("reference_operators", "a+b (ConvInteger by ref)")
    assert REFERENCE.fitted(switch, odd) == switch


def test_freezing_is_about_widened_weights_where_there_are_some_and_about_packing_elsewhere() -> None:
    levels = ("off", "on")
    widening, packing = executing("widening_operators", "product"), executing("packed_products", "product")
    assert DECOMPRESSION.is_between("inductor.freezing", levels, [widening])
    assert not PREPACKING.is_between("inductor.freezing", levels, [widening])
    assert not DECOMPRESSION.is_between("inductor.freezing", levels, [packing])
    assert PREPACKING.is_between("inductor.freezing", levels, [packing])
