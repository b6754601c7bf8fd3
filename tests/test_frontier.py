"""What benchmarks/frontier.py proposes and bounds, on changes whose best combination is known."""

import math

import numpy as np
import pytest
from benchmarks.frontier import Changes, Judged, decibels, needed_noise

LAYERS = ["stem", "middle", "head"]
# In float: only the stem. Back in int8 it would save 0.3 of the time; each of the others in float costs time.
CHANGES = Changes(
    base=frozenset({"stem"}), layers=LAYERS, noise=np.array([9.0, -4.0, -3.0]), time=np.array([-0.3, 0.2, 0.1])
)


@pytest.mark.parametrize(
    ("room", "most", "in_float"),
    [
        (0.1, 3, {"stem", "head"}),  # the middle one removes more noise and does not fit
        (0.25, 3, {"stem", "middle"}),
        (0.3, 3, {"stem", "middle", "head"}),
        (0.3, 1, {"stem", "middle"}),
        (0.0, 3, {"stem"}),
        (-0.2, 3, {"head"}),  # too slow as it is
    ],
)
def test_the_best_set_removes_the_most_noise_for_the_time_there_is(room: float, most: int, in_float: set[str]) -> None:
    assert CHANGES.best(room, most) == in_float


def test_a_set_that_is_too_slow_by_more_than_changes_save_becomes_as_fast_as_they_make_it() -> None:
    assert CHANGES.best(-1.0, 2) == frozenset()


def test_the_bound_takes_parts_of_changes() -> None:
    assert CHANGES.bound(0.2) == pytest.approx(-3 - 4 * 0.5)


def test_no_set_is_fast_enough_where_all_savings_are_too_small() -> None:
    assert math.isinf(CHANGES.bound(-1.0))


def test_changed_answers_grow_with_the_root_of_the_noise() -> None:
    judged = [
        Judged(name=str(noise), held=None, same=10_000 - round(1e5 * noise**0.5), noise=noise) for noise in (1e-6, 4e-6)
    ]

    needed, misfit = needed_noise(judged, 10_000, 0.99)

    assert needed == pytest.approx(1e-6)
    assert misfit == pytest.approx(0, abs=1e-6)


def test_a_sum_of_changes_that_is_no_noise_has_no_ratio() -> None:
    assert decibels(1e-3) == "30.00 dB"
    assert decibels(-1e-3) == decibels(math.inf) == "no ratio"
