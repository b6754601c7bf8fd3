"""Repeats of a sequence in a log without marks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.attached.repeats import Repeats, repeats_of
from ironlaw.attachment import RepeatTimes


@pytest.mark.parametrize(
    ("log", "found"),
    [
        ("abcabcabc", Repeats(3, 3, 0)),
        ("xyabcabcabc", Repeats(3, 3, 2)),
        ("abcd", Repeats(4, 1, 0)),
        ("aabaab", Repeats(3, 2, 0)),
        ("abcdefgh" + "zz", Repeats(10, 1, 0)),  # two equal entries at the end are coincidence
        ("aaaa", Repeats(1, 4, 0)),
        ("a", Repeats(1, 1, 0)),
    ],
)
def test_the_sequence_that_fills_the_end_of_a_log_is_found(log: str, found: Repeats) -> None:
    assert repeats_of(log) == found


@given(
    unit=st.lists(st.integers(0, 3), min_size=1, max_size=8),
    count=st.integers(1, 5),
    before=st.lists(st.integers(4, 6), max_size=3),
)
def test_what_is_found_repeats_and_with_what_precedes_it_is_the_whole_log(
    unit: list[int], count: int, before: list[int]
) -> None:
    log = [*before, *(unit * count)]
    found = repeats_of(log)
    assert found.before + found.length * found.count == len(log)
    one = log[found.before : found.before + found.length]
    assert log[found.before :] == one * found.count
    if count > 1 and len(unit) * count >= 0.5 * len(log):
        assert found.length <= len(unit)


@pytest.mark.parametrize("time_ns", [0.0, -1.0, 1e-300, 1e19, float("nan")])
def test_a_time_that_nothing_measures_is_refused_before_a_ratio_of_it_overflows(time_ns: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        RepeatTimes(mean_ns=time_ns)
