"""Variants: parsing and printing are inverse; mistakes are named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.errors import BadInput
from ironlaw.factors import FACTORS
from ironlaw.variant import Variant

levels = st.fixed_dictionaries({}, optional={name: st.sampled_from(factor.levels) for name, factor in FACTORS.items()})


@given(levels)
def test_parsing_undoes_printing(chosen: dict[str, str]) -> None:
    variant = Variant.of(chosen)
    assert Variant.parse(str(variant)) == variant


@given(levels, st.sampled_from(list(FACTORS)))
def test_a_changed_level_is_the_only_difference(chosen: dict[str, str], name: str) -> None:
    variant = Variant.of(chosen)
    other = variant.with_level(name, FACTORS[name].levels[-1])
    assert variant.differing(other) in ((), (name,))


def test_plain_is_written_by_its_precision_alone() -> None:
    assert str(Variant()) == "fp32"
    assert str(Variant.parse("int8+fused")) == "int8+fused"
    assert str(Variant.parse("fp32+fusion=none")) == "fp32"
    assert str(Variant.parse("fp32+threads=2+fused")) == "fp32+fused+threads=2"


@pytest.mark.parametrize(
    ("text", "offered"),
    [("int9", "int8"), ("int8+fuse", "fused"), ("fp32@onnx", "onnxruntime"), ("fp32+thread=2", "threads")],
)
def test_a_mistyped_part_is_answered_with_the_closest(text: str, offered: str) -> None:
    with pytest.raises(BadInput) as caught:
        Variant.parse(text)
    assert offered in caught.value.hint


@pytest.mark.parametrize(
    "text", ["int8+threads=2@onnxruntime+denormals=flushed", "int8+threads=2+denormals=flushed@onnxruntime"]
)
def test_an_engine_behind_a_factor_is_answered_with_its_place(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        Variant.parse(text)
    assert caught.value.hint == "the engine follows the precision: int8@onnxruntime+threads=2+denormals=flushed"


def test_an_engine_behind_a_word_is_answered_with_its_place() -> None:
    with pytest.raises(BadInput) as caught:
        Variant.parse("int8+fused@compiled")
    assert caught.value.hint == "the engine follows the precision: int8@compiled+fused"


def test_no_closest_part_is_offered_twice() -> None:
    with pytest.raises(BadInput) as caught:
        Variant.parse("int8+fuse")
    assert caught.value.hint.count("fused") == 1


def test_a_factor_named_twice_is_refused() -> None:
    with pytest.raises(BadInput, match="sets threads twice"):
        Variant.parse("fp32+threads=2+threads=1")


@given(levels, st.lists(st.sampled_from(list(FACTORS)), max_size=4, unique=True))
def test_corners_lead_from_one_variant_to_the_other_by_each_set_of_factors(
    chosen: dict[str, str], moved: list[str]
) -> None:
    first = last = Variant.of(chosen)
    for name in moved:
        last = last.with_level(name, FACTORS[name].levels[-1])
    corners = first.corners(last)
    factors = frozenset(first.differing(last))
    assert len(corners) == 2 ** len(factors)
    assert corners[frozenset()] == first
    assert corners[factors] == last
    assert all(frozenset(first.differing(corner)) == group for group, corner in corners.items())


def test_only_levels_that_change_the_answers_on_purpose_need_not_answer_as_the_control() -> None:
    plain = Variant.parse("fp32@openvino")
    assert Variant.parse("int8@openvino+isa=avx2").should_answer_as(plain)
    assert not Variant.parse("fp32@openvino+weights=aliased").should_answer_as(plain)
    assert Variant.parse("fp32@openvino+weights=aliased").should_answer_as(Variant.parse("fp32+weights=aliased"))
