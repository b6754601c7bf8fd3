"""Arms that leave layers in float: their names, and the arms that they are derived from."""

from __future__ import annotations

from ironlaw.arm import Arm
from ironlaw.factors import FACTORS
from ironlaw.leaving import float_family, in_float, is_recalibrated, leaving_none, recalibrations
from ironlaw.variant import Variant

MANY = [f"node_conv2d_{place}" for place in range(24)]
BASE = "int8@onnxruntime"


def mixed(names: list[str]) -> Arm:
    level = FACTORS["float-nodes"].leaving(names)
    return Arm.running(Variant.parse(f"{BASE}+threads=2").with_level("float-nodes", level))


def test_an_arm_that_leaves_many_layers_has_a_short_name_and_keeps_them_all() -> None:
    arm = mixed(MANY)
    assert len(arm.name) < 48
    assert "24" in arm.name
    assert FACTORS["float-nodes"].left_by(arm.variant.level("float-nodes")) == tuple(MANY)


def test_two_sets_of_the_same_size_have_two_names() -> None:
    assert mixed(MANY).name != mixed([*MANY[1:], "other"]).name


def test_few_layers_are_named() -> None:
    assert mixed(["stem"]).name == f"{BASE}+float-nodes=stem+threads=2"


def test_names_that_fill_a_line_are_counted() -> None:
    names = [f"convolution_{place}/aten.convolution.default/ConvolutionBackpropData" for place in (1, 14)]
    arm = mixed(names)
    assert len(arm.name) < 48
    assert FACTORS["float-nodes"].left_by(arm.variant.level("float-nodes")) == tuple(names)


def test_without_what_it_leaves_it_is_the_int8_arm() -> None:
    assert leaving_none(mixed(MANY)).name == f"{BASE}+threads=2"


def test_arms_that_differ_in_quantization_alone_share_a_float_network() -> None:
    other = Arm.of(f"{BASE}+quantization.calibration=entropy+threads=2")
    assert float_family(other) == float_family(mixed(MANY))
    assert float_family(Arm.of("int8+fused")) != float_family(Arm.of("int8"))


def test_its_float_form_keeps_what_float_has_too() -> None:
    found = in_float(mixed(MANY))
    assert found is not None
    assert found.name == "fp32@onnxruntime+threads=2"
    assert in_float(found) is None


def test_another_precision_is_a_level_of_an_int8_arm_and_keeps_what_it_reads() -> None:
    arm = Arm.of(f"{BASE}+quantization.calibration=entropy+quantization.granularity=tensor+threads=2")
    names = [one.name for one in recalibrations(arm)]
    assert "int8-dynamic@onnxruntime+quantization.granularity=tensor+threads=2" in names
    assert is_recalibrated(Arm.of("int8-dynamic@onnxruntime"))
    assert not recalibrations(Arm.of("int8-dynamic@onnxruntime"))
    assert not is_recalibrated(Arm.of("fp32@onnxruntime"))
