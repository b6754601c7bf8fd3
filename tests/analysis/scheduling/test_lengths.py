"""How long a replicate is: by hand, by law, and at the ends."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.analysis.scheduling.components import Components
from ironlaw.analysis.scheduling.lengths import (
    Judged,
    Outlook,
    Prices,
    best_length,
    inferences_of,
    kalibera_jones,
    turn_length_s,
)


def test_the_best_number_of_rounds_for_many_replicates_by_hand() -> None:
    # sqrt(8 / 0.5 x 0.0009 / 0.0001) = sqrt(16 x 9) = 12.
    assert kalibera_jones(Prices(start_s=8.0, round_s=0.5, counted_s=0.5), 0.0001, 0.0009) == 12


def test_a_run_counts_for_the_share_wanted_where_that_widens_its_interval_by_little() -> None:
    prices = Prices(start_s=8.0, round_s=0.5, counted_s=0.5)
    known = Components(between=0.0001, within=0.0009, degrees=1e9)
    length = best_length(prices, known, Outlook(left_s=300.0, judged=(Judged(ran=(12,) * 50),), most=200))
    assert length is not None
    # The best number is 12. 0.6 of a replicate takes 0.6 x 8 / (0.5 - 0.6 x 0.5) = 24 rounds. After 50 replicates, 15
    # of 25 rounds and 20 of 12 give nearly the same interval.
    assert (length.replicates, length.rounds) == (15, 25)


def test_where_processes_vary_most_a_replicate_stays_as_short_as_is_best() -> None:
    prices = Prices(start_s=8.0, round_s=0.5, counted_s=0.5)
    known = Components(between=0.01, within=0.0009, degrees=1e9)
    length = best_length(prices, known, Outlook(left_s=1000.0, most=200))
    assert length is not None
    # sqrt(8 / 0.5 x 0.09) = 1.2 rounds; 5 % of the interval is 10 % of the 116 replicates that fit.
    assert length.rounds <= 3


def test_experiments_that_vary_less_between_processes_than_what_was_requested_make_replicates_longer() -> None:
    prices = Prices(start_s=4.6, round_s=0.58, counted_s=0.47)
    requested = Components(between=0.065**2, within=0.08**2, degrees=1e9)
    own = Components(between=0.01**2, within=0.15**2, degrees=1e9)
    rounds = [
        length.rounds
        for known in (None, own)
        if (length := best_length(prices, requested, Outlook(left_s=65.0, most=200, judged=(Judged(known=known),))))
    ]
    # By Kalibera & Jones sqrt(4.6 / 0.58) = 2.8 times 0.08 / 0.065, and times 15: 3 and 42 rounds. Of the latter one
    # replicate would fit; the quantile of t leaves five of (65 - 4 x 4.6) / 5 / 0.58 = 16.
    assert rounds == [4, 16]


def test_an_experiment_that_joins_late_shortens_replicates_by_its_weight() -> None:
    prices = Prices(start_s=4.6, round_s=0.58, counted_s=0.47)
    known = Components(between=0.03**2, within=0.15**2, degrees=1e9)
    rounds = []
    for weight in (0.1, 0.9):
        judged = (Judged(weight=weight), Judged(ran=(9, 9, 9, 9), weight=1 - weight))
        length = best_length(prices, known, Outlook(left_s=40.0, most=200, judged=judged))
        assert length is not None
        rounds.append((length.replicates, length.rounds))
    # What has not run yet needs a fifth replicate: t is 2.8 there instead of 3.2. Behind four others it matters little.
    assert rounds == [(4, 11), (5, 7)]


prices = st.builds(
    lambda start_s, round_s, share: Prices(start_s=start_s, round_s=round_s, counted_s=share * round_s),
    st.floats(0.01, 60),
    st.floats(0.001, 10),
    st.floats(0.0, 1.0),
)
variances = (
    st.builds(Components, between=st.floats(0, 1), within=st.floats(1e-9, 1), degrees=st.floats(0, 50)) | st.none()
)


@given(prices, variances, st.floats(0, 1000), st.integers(0, 20), st.integers(1, 50))
def test_what_is_planned_fits_into_the_time(
    price: Prices, known: Components | None, left_s: float, so_far: int, most: int
) -> None:
    length = best_length(price, known, Outlook(left_s=left_s, judged=(Judged(ran=(4,) * so_far),), most=most))
    if length is None:
        assert left_s < price.round_s
        return
    assert 1 <= length.replicates <= most
    took_s = (length.replicates - 1) * price.start_s + length.replicates * length.rounds * price.round_s
    assert took_s <= left_s * (1 + 1e-9)


@given(prices, variances, st.floats(0, 1000))
def test_one_replicate_is_never_planned_where_two_shorter_ones_fit(
    price: Prices, known: Components | None, left_s: float
) -> None:
    length = best_length(price, known, Outlook(left_s=left_s, most=50))
    if left_s >= price.start_s + 2 * price.round_s * (1 + 1e-9):
        assert length is not None
        assert length.replicates >= 2


@given(st.floats(1e-7, 5), st.floats(1e-5, 0.1))
def test_overhead_is_about_a_twentieth_of_a_turn_where_inferences_are_not_too_many(one_s: float, turn_s: float) -> None:
    count = inferences_of(one_s, length_s=turn_length_s(turn_s=turn_s, longest_s=math.inf))
    assert turn_s <= 1.5 * 0.05 * count * one_s * (1 + 1e-9) or count == 100_000


@given(st.floats(1e-6, 0.02), st.floats(1e-6, 0.02))
def test_turns_of_two_arms_are_about_equally_long_so_that_caches_are_cold_for_the_same_share(
    one_s: float, other_s: float
) -> None:
    length_s = turn_length_s(turn_s=0.001, longest_s=math.inf)
    turns_s = [each_s * inferences_of(each_s, length_s=length_s) for each_s in (one_s, other_s)]
    assert max(turns_s) / min(turns_s) <= 5 / 3 * (1 + 1e-9)


def test_a_turn_of_short_inferences_holds_many_and_one_of_a_long_one_holds_one() -> None:
    assert turn_length_s(turn_s=0.001, longest_s=math.inf) == 0.04
    assert turn_length_s(turn_s=0.005, longest_s=math.inf) == pytest.approx(0.1)
    assert turn_length_s(turn_s=0.005, longest_s=0.03) == 0.03
    assert inferences_of(0.01, length_s=0.04) == 4
    assert inferences_of(3.0, length_s=0.04) == 1


def test_a_start_as_long_as_forty_rounds_leaves_four_replicates_instead_of_three() -> None:
    prices = Prices(start_s=20.0, round_s=0.5, counted_s=0.5)
    length = best_length(prices, None, Outlook(left_s=70.0, most=200))
    assert length is not None
    assert length.replicates == 4
