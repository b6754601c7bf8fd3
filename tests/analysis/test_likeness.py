"""Answers that differ in one column, for one shape of inputs, or in shape: what one number for all would hide."""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ironlaw.analysis.agreement import agreements
from ironlaw.analysis.likeness import SIGNIFICANCE
from ironlaw.explanation.likeness import Likeness
from ironlaw.fact import Outputs, kept_places
from ironlaw.missing import Missing, is_known

RNG = np.random.default_rng(3)
# Two coordinates of boxes in pixels and two scores, at 20 places of eight inputs.
BOXES = RNG.uniform(0, 300, (8, 20, 2))
SCORES = RNG.uniform(0.07, 0.08, (8, 20, 2))
DETECTED = np.concatenate((BOXES, SCORES), axis=2)
NO_CLASSES = Missing("the outputs are not classes")


def outputs(arm: str, table: NDArray[np.float64], *, inputs: tuple[int, ...] = (1, 9), first: int = 0) -> Outputs:
    """The answers of one output, a row per input."""
    rows = table.reshape(len(table), -1).astype("<f4")
    return Outputs(
        arm=arm,
        shape=rows.shape,
        data=base64.b64encode(zlib.compress(rows.tobytes())).decode(),
        input_digest="same",
        classes=NO_CLASSES,
        probes=tuple(range(first, first + len(table))),
        forms=(table.shape[1:],),
        input_forms=(inputs,),
    )


def kept(arm: str, table: NDArray[np.float64], places: Sequence[int]) -> Outputs:
    """The answers of one output, of which some places were kept."""
    rows = table.reshape(len(table), -1)[:, places].astype("<f4")
    data = base64.b64encode(zlib.compress(rows.tobytes())).decode()
    return replace(outputs(arm, table), shape=rows.shape, data=data)


def likeness(control: list[Outputs], changed: list[Outputs]) -> Likeness:
    found = agreements([*control, *changed], control="fp32")["int8"]["likeness"]
    assert is_known(found)
    return found


def of(table: NDArray[np.float64]) -> Likeness:
    return likeness([outputs("fp32", DETECTED)], [outputs("int8", table)])


def test_scores_that_are_all_zero_are_named_although_all_outputs_together_agree() -> None:
    dead = DETECTED.copy()
    dead[:, :, 2:] = 0
    whole = agreements([outputs("fp32", DETECTED), outputs("int8", dead)], control="fp32")["int8"]
    assert is_known(whole["cosine"])
    assert whole["cosine"] > 0.9999
    (found,) = of(dead).constant
    assert (found.columns, found.size, found.is_last) == ((2, 3), 4, True)
    worst = of(dead).worst
    assert is_known(worst)
    assert (worst.axis, worst.column, worst.agreement) == (-1, 2, 0.0)


def test_channels_before_positions_are_judged_too() -> None:
    """As YOLOv8 gives them: 4 channels at 20 places."""
    turned = np.swapaxes(DETECTED, 1, 2)
    dead = turned.copy()
    dead[:, 3] = 0.075
    (found,) = likeness([outputs("fp32", turned)], [outputs("int8", dead)]).constant
    assert (found.columns, found.size, found.is_last) == ((3,), 4, False)


def test_a_column_that_is_constant_in_the_control_too_is_not_dead() -> None:
    still = DETECTED.copy()
    still[:, :, 3] = 1.0
    jittered = still.copy()
    jittered[0, 0, 3] = 1 + 1e-7  # another order of float32 sums
    assert likeness([outputs("fp32", jittered)], [outputs("int8", still)]).constant == ()


def test_few_values_of_a_column_may_be_equal_by_rounding() -> None:
    few = DETECTED[:2, :2]
    dead = few.copy()
    dead[:, :, 2:] = 0
    assert likeness([outputs("fp32", few)], [outputs("int8", dead)]).constant == ()


def test_single_positions_of_living_scores_may_be_equal_by_rounding() -> None:
    """A head of its own for scores, of which most hardly vary: rounding to int8 makes some constant over all inputs."""
    scores = RNG.uniform(0.2, 0.8, (24, 500, 1)) * np.where(np.arange(500) % 100 == 7, 1e-3, 1)[:, None]
    rounded = np.round(scores * 255) / 255
    assert np.ptp(rounded[:, 7]) == 0
    assert likeness([outputs("fp32", scores)], [outputs("int8", rounded)]).constant == ()
    (found,) = likeness([outputs("fp32", scores)], [outputs("int8", np.zeros_like(scores))]).constant
    assert (found.columns, found.size, found.is_last) == ((0,), 1, True)


def test_positions_of_which_few_numbers_were_kept_are_not_constant() -> None:
    """As of a large detector, of whose 400 positions a recording has one number or two."""
    places = kept_places(400 * 13, 600)
    wide = np.concatenate((RNG.uniform(0, 300, (24, 400, 4)), RNG.uniform(0.07, 0.08, (24, 400, 9))), axis=2)
    wide[:, ::50, 4:] = RNG.uniform(0.0751, 0.0752, (24, 8, 9))  # these hardly vary, and all round to 0.075
    rounded = np.concatenate((wide[..., :4], np.round(wide[..., 4:], 3)), axis=2)
    kept_scores = {place // 13 for place in places if place % 13 >= 4} - {
        place // 13 for place in places if place % 13 < 4
    }
    assert kept_scores & set(range(0, 400, 50)), "of one such position only scores are kept"
    assert likeness([kept("fp32", wide, places)], [kept("int8", rounded, places)]).constant == ()


def test_a_number_of_a_vector_is_a_column() -> None:
    vector = RNG.uniform(0, 1, (24, 40))
    dead = vector.copy()
    dead[:, 5] = 0.5
    for form in ((40,), (1, 40)):
        pair = [outputs(arm, table.reshape(24, *form)) for arm, table in (("fp32", vector), ("int8", dead))]
        (found,) = likeness(pair[:1], pair[1:]).constant
        assert (found.columns, found.size) == ((5,), 40)


def test_of_more_columns_more_equal_values_are_needed() -> None:
    """Twelve equal values of two are 1 in 2048, which some of 400 columns are at random."""

    def constant(columns: int) -> int:
        vector = RNG.uniform(0, 1, (12, columns))
        dead = vector.copy()
        dead[:, 5] = 0.5
        return len(likeness([outputs("fp32", vector)], [outputs("int8", dead)]).constant)

    assert constant(10) == 1
    assert constant(400) == 0


def test_columns_that_live_are_called_constant_at_most_as_often_as_stated() -> None:
    """Coarse rounding of columns of which no value is more than half: two values each, at random."""
    rng = np.random.default_rng(5)
    runs, named = 600, 0
    for _ in range(runs):
        vector = rng.uniform(0, 1, (8, 6))
        named += bool(likeness([outputs("fp32", vector)], [outputs("int8", np.round(vector))]).constant)
    assert 0.5 * SIGNIFICANCE < named / runs < SIGNIFICANCE + 3 * math.sqrt(SIGNIFICANCE / runs)


def test_equal_answers_agree_in_every_column() -> None:
    found = of(DETECTED)
    assert is_known(found.worst)
    assert found.worst.agreement == pytest.approx(1)
    assert [one.error for one in found.by_shape] == [0.0]


def test_the_agreement_of_a_column_counts_its_length_too() -> None:
    doubled = DETECTED.copy()
    doubled[:, :, 3] *= 2
    worst = of(doubled).worst
    assert is_known(worst)
    assert worst.column == 3
    assert worst.agreement == pytest.approx(2 * 2 / (1 + 4))


def test_inputs_of_another_shape_are_judged_apart_and_the_error_is_theirs() -> None:
    first, second = DETECTED[:4], DETECTED[4:]
    control = [outputs("fp32", first), outputs("fp32", second, inputs=(1, 37), first=4)]
    changed = [outputs("int8", first), outputs("int8", second * 1.5, inputs=(1, 37), first=4)]
    errors = {one.input_forms: one.error for one in likeness(control, changed).by_shape}
    assert errors == {((1, 9),): 0.0, ((1, 37),): pytest.approx(0.5)}


def test_outputs_of_another_shape_are_named_with_the_inputs() -> None:
    control = [outputs("fp32", DETECTED, inputs=(1, 37))]
    found = agreements([*control, outputs("int8", DETECTED[:, :2], inputs=(1, 37))], control="fp32")["int8"]
    assert is_known(found["likeness"])
    (one,) = found["likeness"].shapes
    assert (one.input_forms, one.control, one.given, one.is_fixed) == (((1, 37),), ((20, 4),), ((2, 4),), True)
    assert isinstance(found["cosine"], Missing)
    assert "2x4" in found["cosine"].reason


def test_shapes_that_depend_on_what_is_seen_may_differ() -> None:
    control = [outputs("fp32", DETECTED[:4]), outputs("fp32", DETECTED[4:, :2], first=4)]
    changed = [outputs("int8", DETECTED[:4]), outputs("int8", DETECTED[4:], first=4)]
    (one,) = likeness(control, changed).shapes
    assert not one.is_fixed


def test_answers_that_the_recording_lost_are_not_compared() -> None:
    control = [outputs("fp32", DETECTED[:4]), outputs("fp32", DETECTED[4:], inputs=(1, 37), first=4)]
    begun = replace(outputs("int8", DETECTED[:4]), following=1)
    found = agreements([*control, begun], control="fp32")["int8"]["cosine"]
    assert isinstance(found, Missing)
    assert "cut" in found.reason


def test_an_older_recording_has_no_columns() -> None:
    old = [replace(outputs(arm, DETECTED), forms=(), probes=()) for arm in ("fp32", "int8")]
    found = agreements(old, control="fp32")["int8"]
    assert isinstance(found["likeness"], Missing)
    assert found["cosine"] == pytest.approx(1)


def test_a_part_of_large_outputs_shows_the_same_dead_columns() -> None:
    wide = RNG.uniform(1, 2, (8, 100, 13))
    dead = wide.copy()
    dead[:, :, 4:] = 0
    places = kept_places(1300, 520)

    (found,) = likeness([kept("fp32", wide, places)], [kept("int8", dead, places)]).constant
    assert found.columns == tuple(range(4, 13))


@given(width=st.integers(1, 5000), kept=st.integers(1, 500), first=st.integers(0, 100))
def test_as_many_places_are_kept_as_asked_for_all_different_the_first_among_them(
    width: int, kept: int, first: int
) -> None:
    places = list(kept_places(width, kept, first=first))
    assert places == sorted(set(places))
    assert len(places) == min(width, kept)
    assert set(range(min(first, kept, width))) <= set(places)
    assert not places or places[-1] < width


@given(columns=st.integers(2, 40), rows=st.integers(20, 200))
def test_kept_places_meet_all_columns_equally_often(columns: int, rows: int) -> None:
    kept = columns * 10
    counts = np.bincount(np.asarray(kept_places(columns * rows, kept)) % columns, minlength=columns)
    assert counts.min() >= 10 - 1
    assert counts.max() <= 10 + 1


@given(st.lists(st.floats(-100, 100, width=32), min_size=2, max_size=30), st.floats(0.5, 2.0))
def test_agreement_is_the_same_whichever_side_is_the_control(values: list[float], by: float) -> None:
    one = np.array(values)[:, None]
    tables = (one, one[::-1] * by)
    pair = [
        likeness([outputs("fp32", control)], [outputs("int8", changed)]).worst
        for control, changed in (tables, tables[::-1])
    ]
    assert is_known(pair[0])
    assert is_known(pair[1])
    assert math.isclose(pair[0].agreement, pair[1].agreement, abs_tol=1e-9)


@pytest.mark.parametrize(("error", "counts"), [(0.2, False), (0.8, True)])
@pytest.mark.parametrize("wide", [85, 384])
def test_a_coordinate_of_a_vector_counts_by_itself_only_if_it_is_broken(wide: int, error: float, counts: bool) -> None:
    rng = np.random.default_rng(5)
    expected = rng.normal(0, 1, (100, wide))
    changed = expected.copy()
    changed[:, 7] += error * rng.normal(0, 1, 100)
    worst = likeness([outputs("fp32", expected)], [outputs("int8", changed)]).worst
    assert is_known(worst)
    assert (worst.column == 7) == (counts or wide == 85)
    assert (worst.agreement > 0.99) == (not counts and wide == 384)


@pytest.mark.parametrize(("size", "is_hidden"), [(0.5, False), (0.05, True)])
def test_a_coordinate_that_the_others_hide_counts_by_itself(size: float, is_hidden: bool) -> None:
    rng = np.random.default_rng(6)
    expected = rng.normal(0, 1, (100, 384))
    expected[:, 7] *= size
    changed = expected.copy()
    changed[:, 7] += 0.2 * size * rng.normal(0, 1, 100)
    worst = likeness([outputs("fp32", expected)], [outputs("int8", changed)]).worst
    assert is_known(worst)
    assert (worst.column == 7) == is_hidden
    assert (worst.agreement < 0.99) == is_hidden
