"""Calls that multiply, numbered where an arm does not name all their layers."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.analysis.layers.matching import match
from ironlaw.analysis.layers.numbering import numbered
from ironlaw.layer import LayerCall, Origin

CONV, FIRST, SECOND = (
    LayerCall(path=path, operator=operator, fed_by=(place - 1,))
    for place, (path, operator) in enumerate((("a", "Conv"), ("b", "Gemm"), ("c", "Gemm")))
)


def nameless(call: LayerCall, operator: str) -> LayerCall:
    return replace(call, path="", operator=operator, is_functional=True)


def pairs(first: tuple[LayerCall, ...], second: tuple[LayerCall, ...]) -> list[tuple[tuple[int, ...], ...]]:
    return [(one.control, one.changed) for one in match(first, second)]


def test_products_without_a_name_are_matched_in_order() -> None:
    changed = (CONV, nameless(FIRST, "DynamicQuantizeMatMul"), nameless(SECOND, "DynamicQuantizeMatMul"))
    assert pairs((CONV, FIRST, SECOND), changed) == [((0,), (0,)), ((1,), (1,)), ((2,), (2,))]
    assert pairs(changed, (CONV, FIRST, SECOND)) == [((0,), (0,)), ((1,), (1,)), ((2,), (2,))]


def test_calls_that_all_have_the_same_names_are_unchanged() -> None:
    control = (CONV, FIRST, SECOND)
    swapped = (CONV, SECOND, FIRST)
    assert numbered(control, swapped) == (control, swapped)


def test_a_name_at_another_place_contradicts_the_order() -> None:
    control, changed = (FIRST, SECOND), (nameless(FIRST, "MatMul"), replace(FIRST, operator="MatMul"))
    assert numbered(control, changed) == (control, changed)


def test_another_sequence_of_convolutions_and_products_is_not_numbered() -> None:
    control, changed = (CONV, FIRST), (nameless(FIRST, "MatMul"), CONV)
    assert numbered(control, changed) == (control, changed)


def test_products_whose_layers_the_engine_reports_are_not_numbered() -> None:
    control = (replace(FIRST, origins=(Origin(path="b", operator="Linear"),)),)
    changed = (nameless(FIRST, "MatMul"),)
    assert numbered(control, changed) == (control, changed)


def test_what_belongs_to_a_numbered_product_follows_it() -> None:
    inserted = LayerCall(
        path="", operator="Reshape", is_functional=True, origins=(Origin(path="b", operator="Gemm"),), fed_by=(-1,)
    )
    gemm = replace(FIRST, fed_by=(0,))
    assert pairs((inserted, gemm), (nameless(replace(FIRST, fed_by=(-1,)), "MatMul"),)) == [((0, 1), (0,))]
