"""Levels of the plugin's: each is one property, changes kernels or outputs, or is refused."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from ironlaw.engines.openvino import properties
from ironlaw.engines.openvino.model import core
from ironlaw.errors import ArmFailed
from ironlaw.variant import Variant

from . import graphs

openvino = pytest.importorskip("openvino")


def compiled(model: Any, variant: Variant) -> Any:
    return core().compile_model(model, "CPU", properties.properties(variant, 1))


def did(level: str, model: Any) -> dict[str, str]:
    variant = Variant.parse(f"int8@openvino+{level}")
    (arrays, *_) = graphs.runs(model)
    return properties.in_effect(variant, compiled(model, variant), lambda one: compiled(model, one), arrays)


@pytest.mark.parametrize(
    ("name", "hint", "switches"),
    [
        ("fp32@openvino", "f32", {}),
        ("bf16@openvino", "bf16", {}),
        ("int8@openvino+plugin.precision=bf16", "bf16", {}),
        ("bf16@openvino+plugin.precision=f32", "f32", {}),
        ("int8@openvino+plugin.low-precision=off", "f32", {"LP_TRANSFORMS_MODE": "NO"}),
        ("fp32@openvino+plugin.snippets=off", "f32", {"SNIPPETS_MODE": "DISABLE"}),
        ("int8-weights@openvino+plugin.dynamic-quantization=off", "f32", {"DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}),
        ("int8-weights@openvino+plugin.dynamic-quantization=128", "f32", {"DYNAMIC_QUANTIZATION_GROUP_SIZE": 128}),
    ],
)
def test_each_level_is_one_property(name: str, hint: str, switches: dict[str, Any]) -> None:
    variant = Variant.parse(name)
    assert (properties.hint(variant), properties.switches(variant)) == (hint, switches)


def test_low_precision_off_runs_the_products_in_float() -> None:
    model = graphs.rising()
    assert "nodes run by other kernels" in did("plugin.low-precision=off", model)["plugin.low-precision"]
    off = compiled(model, Variant.parse("int8@openvino+plugin.low-precision=off"))
    formats = {precision for layer, _, precision in properties.kernels(off) if "onvolution" in layer}
    assert formats == {"f32"}


def test_snippets_off_leaves_no_generated_subgraph() -> None:
    model = graphs.rising()
    assert "plugin.snippets" in did("plugin.snippets=off", model)
    off = compiled(model, Variant.parse("int8@openvino+plugin.snippets=off"))
    assert "Subgraph" not in {layer for layer, _, _ in properties.kernels(off)}


def test_a_level_that_changes_neither_kernels_nor_outputs_is_refused() -> None:
    with pytest.raises(ArmFailed, match=r"plugin\.dynamic-quantization=64 changes nothing here"):
        did("plugin.dynamic-quantization=64", graphs.rising())


def test_other_outputs_by_the_same_kernels_are_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter([[numpy.zeros(2).tobytes()], [numpy.ones(2).tobytes()]])
    monkeypatch.setattr(properties, "_bits", lambda compiled, arrays: next(said))
    found = did("plugin.dynamic-quantization=64", graphs.rising())
    assert found == {"plugin.dynamic-quantization": "the same kernels, other outputs"}


def test_a_kernel_above_the_cap_is_refused() -> None:
    ran = graphs.ran(("Convolution", "brgconv_avx512_amx_i8", "i8", "first", "f32"))
    for cap in ("avx2", "avx512", "avx512_vnni"):
        with pytest.raises(
            ArmFailed, match=f"isa={cap} does not hold in all of OpenVINO, which runs brgconv_avx512_amx_i8"
        ):
            properties.in_effect(Variant.parse(f"int8@openvino+isa={cap}"), ran, lambda one: ran, [])


def test_kernels_below_the_cap_are_read_back() -> None:
    ran = graphs.ran(("Convolution", "jit_avx2_I8", "u8", "first", "f32"))
    found = properties.in_effect(Variant.parse("int8@openvino+isa=avx2"), ran, lambda one: ran, [])
    assert found == {"isa": "kernels jit_avx2_I8"}


class Answering:
    """A compiled model that gives one array."""

    def __init__(self, *numbers: float) -> None:
        self.numbers = numpy.array(numbers, dtype=numpy.float32)

    def create_infer_request(self) -> Answering:
        return self

    def infer(self, arrays: list[Any]) -> Answering:
        return self

    def to_tuple(self) -> tuple[Any, ...]:
        return (self.numbers,)


@pytest.mark.parametrize(("numbers", "is_unfaithful"), [((1.0, 2.1), False), ((1.0, 0.0), True)])
def test_int8_kernels_that_answer_otherwise_than_float_ones_are_unfaithful(
    numbers: tuple[float, ...], is_unfaithful: bool
) -> None:
    asked: list[str] = []

    def compile_for(variant: Variant) -> Answering:
        asked.append(variant.level("plugin.low-precision"))
        return Answering(1.0, 2.0)

    variant = Variant.parse("int8@openvino")
    assert properties.is_unfaithful(variant, Answering(*numbers), compile_for, []) is is_unfaithful
    assert asked == ["off"]
    off = variant.with_level("plugin.low-precision", "off")
    assert not properties.is_unfaithful(off, Answering(*numbers), compile_for, [])
