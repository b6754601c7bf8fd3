"""Arms that differ in the operators left in float: attributed to the cause whose operators these are, else to none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.arm import Arm
from ironlaw.measure.scripted import ArmScript, Burden, Script
from ironlaw.missing import Missing

from ...scripted import COMPUTES_INT8, SOUND_CENSUS, burdened, confirmed, explained

ORT, OPENVINO = "int8-dynamic@onnxruntime", "given@openvino"
SLOW = "reference_operators", ("stem/conv_quant (ConvInteger)", "head/conv_quant (ConvInteger)")
RISING = "reference_operators", ("up (ConvolutionBackpropData by ref_any_f32)",)
WIDENING = "widening_operators", ("q0 (MatMulNBits)",)


def law(level: str, count: str, nodes: tuple[str, ...]) -> ArmScript:
    """An arm with such operators, from which the level takes a quarter of the time."""
    factor, _, value = level.partition("=")
    burden = Burden(factor=factor, level=value, user_instructions=30e6)
    census: dict[str, float | Missing] = {**SOUND_CENSUS, "int8_operators": 20.0, count: float(len(nodes))}
    return replace(burdened(burden, law=COMPUTES_INT8), census=census, nodes={count: nodes})


def found(head: str, level: str, shown: tuple[str, tuple[str, ...]], *, reverse: bool = False) -> set[str]:
    whole, left = Arm.of(head), Arm.of(f"{head}+{level}")
    if head.startswith("given"):
        whole, left = (replace(arm, factory="net.xml") for arm in (whole, left))
    arms = (left, whole) if reverse else (whole, left)
    stated = law(level, *shown)
    explanation = explained(arms, Script(arms={arm.name: stated for arm in arms}, turn_noise=0.002))
    return confirmed(explanation.comparisons[0])


@pytest.mark.parametrize("level", ["float-ops=ConvInteger", "float-nodes=stem/conv_quant", "float-nodes=head/conv"])
@pytest.mark.parametrize("reverse", [False, True])
def test_operators_without_a_fast_kernel_are_that_cause_whichever_arm_leaves_them(level: str, reverse: bool) -> None:
    assert found(ORT, level, SLOW, reverse=reverse) == {"reference-kernel"}


def test_in_openvino_types_are_those_of_the_file() -> None:
    assert found(OPENVINO, "float-ops=ConvolutionBackpropData", RISING) == {"reference-kernel"}
    assert found(OPENVINO, "float-nodes=up", RISING) == {"reference-kernel"}


@pytest.mark.parametrize("level", ["float-ops=MatMulInteger", "float-nodes=stem/conv:other", "float-nodes=other"])
def test_other_operators_left_in_float_are_no_reference_kernel(level: str) -> None:
    assert found(ORT, level, SLOW) == set()


def test_products_that_widen_their_weights_are_decompression() -> None:
    assert found("given@onnxruntime", "float-ops=MatMulNBits", WIDENING) == {"weight-decompression"}
