"""The answers of the arms, compared on the same inputs."""

from __future__ import annotations

import base64
import math
import zlib
from dataclasses import replace

import numpy as np
import pytest

from ironlaw.analysis.agreement import Agreement, agreements, divergence
from ironlaw.fact import Outputs
from ironlaw.missing import Missing

CONTROL = [[1.0, 5.0, 2.0], [4.0, 0.0, 1.0]]


def outputs(arm: str, rows: list[list[float]], digest: str = "same") -> Outputs:
    array = np.array(rows, dtype="<f4")
    data = base64.b64encode(zlib.compress(array.tobytes())).decode()
    return Outputs(arm=arm, shape=array.shape, data=data, input_digest=digest)


def against_control(rows: list[list[float]]) -> Agreement:
    return agreements([outputs("fp32", CONTROL), outputs("int8", rows)], control="fp32")["int8"]


def test_equal_outputs_are_identical_and_have_no_noise() -> None:
    found = against_control(CONTROL)
    assert found["identical_outputs"] is True
    assert found["top1_agreement"] == 1.0
    assert isinstance(found["sqnr_db"], Missing)
    assert found["largest_difference"] == 0.0


def test_known_noise_gives_the_known_ratio_in_decibels() -> None:
    found = against_control([[1.0, 5.0, 2.5], [4.0, 0.0, 1.0]])
    assert found["sqnr_db"] == pytest.approx(10 * math.log10(47 / 0.25), rel=1e-9)
    assert found["largest_difference"] == pytest.approx(0.5)
    assert found["identical_outputs"] is False
    assert found["top1_agreement"] == 1.0


def test_another_top_class_in_one_of_two_rows_is_half_agreement() -> None:
    assert against_control([[9.0, 5.0, 2.0], [4.0, 0.0, 1.0]])["top1_agreement"] == 0.5


def test_a_zero_of_the_other_sign_is_not_bit_for_bit_the_same() -> None:
    found = against_control([[1.0, 5.0, 2.0], [4.0, -0.0, 1.0]])
    assert found["identical_outputs"] is False
    assert found["largest_difference"] == 0.0


def test_what_cannot_be_compared_is_missing_with_the_reason() -> None:
    other = outputs("int8", CONTROL, digest="other")
    shaped = outputs("int8", [[1.0, 2.0]])
    damaged = replace(outputs("int8", CONTROL), data="@@")
    for second, reason in ((other, "other inputs"), (shaped, "shape"), (damaged, "damaged")):
        found = agreements([outputs("fp32", CONTROL), second], control="fp32")["int8"]["top1_agreement"]
        assert isinstance(found, Missing)
        assert reason in found.reason
    alone = agreements([outputs("int8", CONTROL)], control="fp32")["int8"]["sqnr_db"]
    assert isinstance(alone, Missing)


def test_an_answer_that_is_not_finite_has_no_distance() -> None:
    found = against_control([[math.nan, 5.0, 2.0], [4.0, 0.0, 1.0]])
    assert isinstance(found["sqnr_db"], Missing)
    assert isinstance(found["largest_difference"], Missing)
    assert found["identical_outputs"] is False


def test_the_top_class_is_sought_among_the_classes_only() -> None:
    """A second output, however large, is no class."""
    control = replace(outputs("fp32", [[1.0, 2.0, 9.0], [2.0, 1.0, 9.0]]), classes=2)
    changed = replace(outputs("int8", [[1.0, 2.0, 9.0], [1.0, 2.0, 9.0]]), classes=2)
    assert agreements([control, changed], control="fp32")["int8"]["top1_agreement"] == 0.5


def test_outputs_that_are_no_classes_have_no_top_class_and_a_cosine() -> None:
    none = Missing("the outputs are not classes")
    control = replace(outputs("fp32", [[3.0, 4.0]]), classes=none)
    changed = replace(outputs("int8", [[4.0, 3.0]]), classes=none)
    found = agreements([control, changed], control="fp32")["int8"]
    assert found["top1_agreement"] == none
    assert found["cosine"] == pytest.approx(24 / 25)


def test_an_answer_that_is_no_number_agrees_with_none_not_even_its_like() -> None:
    both = [[1.0, math.nan, 2.0], [4.0, 0.0, 1.0]]
    found = agreements([outputs("fp32", both), outputs("int8", both)], control="fp32")["int8"]
    assert found["top1_agreement"] == 0.5
    assert found["not_finite"] == 1


def part(rows: list[list[float]], places: tuple[int, ...], **more: object) -> Outputs:
    return replace(outputs("int8", rows), probes=places, **more)  # type: ignore[arg-type]


def test_an_arm_that_answered_the_first_inputs_is_compared_on_these() -> None:
    control = replace(outputs("fp32", [*CONTROL, [9.0, 9.0, 9.0]]), probes=(0, 1, 2), digest="of all", forms=((3,),))
    found = agreements([control, part(CONTROL, (0, 1), digest="of two", forms=((3,),))], control="fp32")["int8"]
    assert found["top1_agreement"] == 1.0
    assert found["identical_outputs"] is True
    other = agreements([control, part([[1.0, 5.0, 2.0], [4.0, 0.0, 1.5]], (0, 1), forms=((3,),))], control="fp32")[
        "int8"
    ]
    assert other["identical_outputs"] is False
    assert other["largest_difference"] == pytest.approx(0.5)


def test_whether_some_answers_are_identical_is_unknown_where_only_some_numbers_were_kept() -> None:
    control = replace(outputs("fp32", CONTROL), probes=(0, 1), forms=((5,),))
    found = agreements([control, part(CONTROL[:1], (0,), forms=((5,),))], control="fp32")["int8"]
    assert isinstance(found["identical_outputs"], Missing)


def test_an_arm_that_answered_other_inputs_or_was_cut_short_is_not_compared() -> None:
    control = replace(outputs("fp32", CONTROL), probes=(0, 1))
    for changed in (part(CONTROL[:1], (1,)), part(CONTROL[:1], (0,), following=1)):
        found = agreements([control, changed], control="fp32")["int8"]
        assert found["top1_agreement"] == Missing("the recording was cut before all of its answers")


def classified(arm: str, rows: list[list[float]]) -> Outputs:
    return replace(outputs(arm, rows), classes=2)


def test_divergence_is_that_of_the_shares_which_logits_stand_for() -> None:
    half, quarter = [0.0, 0.0], [0.0, math.log(3)]
    found = divergence([classified("a", [half, half]), classified("b", [half, quarter])], control="a", changed="b")
    assert found == pytest.approx((0 + 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)) / 2)


def test_a_constant_added_to_all_logits_is_no_divergence() -> None:
    one, other = classified("a", [[1.0, 2.0], [3.0, -1.0]]), classified("b", [[8.0, 9.0], [1.0, -3.0]])
    assert divergence([one, other], control="a", changed="b") == pytest.approx(0, abs=1e-12)


def test_without_answers_or_with_infinite_ones_there_is_no_divergence() -> None:
    one = classified("a", [[1.0, 2.0]])
    assert isinstance(divergence([one], control="a", changed="b"), Missing)
    odd = classified("b", [[math.nan, 2.0]])
    assert isinstance(divergence([one, odd], control="a", changed="b"), Missing)
