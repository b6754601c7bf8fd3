"""Turn sizes: exactly what was asked for, or what fits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ironlaw.measure.sizing import replicates_by_count, turns_by_budget, turns_by_count
from ironlaw.plan import Schedule


@given(st.integers(1, 20_000), st.integers(1, 12), st.integers(1, 20))
def test_a_count_is_kept_to_the_inference(inferences: int, replicates: int, rounds: int) -> None:
    schedule = Schedule(inferences=inferences, replicates=replicates, rounds=rounds)
    turns = [turns_by_count(schedule, replicate) for replicate in range(replicates_by_count(schedule))]
    assert sum(sum(row) for row in turns) == inferences
    assert all(turn > 0 for row in turns for turn in row)


@given(st.floats(1e-5, 10), st.floats(0, 10), st.floats(1, 1000))
def test_a_budget_is_not_overdrawn_by_more_than_one_inference_a_replicate(
    round_s: float, start_s: float, left_s: float
) -> None:
    schedule = Schedule()
    turns = turns_by_budget(schedule, replicates_left=8, round_s=round_s, start_s=start_s, left_s=left_s)
    # Where starting eight would take most of the time, it is four that must fit.
    fitting = 8 if 8 * start_s < 0.5 * left_s else 4
    share_s = (left_s - (fitting - 1) * start_s) / fitting
    assert sum(turns) * round_s <= max(share_s, 0.3 * start_s, round_s) + 1e-9
    assert turns


def test_replicates_that_are_slow_to_start_are_fewer_and_not_hollow() -> None:
    # 0.95 x 100 x 0.7 / 20 are three beside the one that has started: (95 - 3 x 20) / 4 = 8.75 s each.
    turns = turns_by_budget(Schedule(), replicates_left=12, round_s=0.5, start_s=20.0, left_s=100.0)
    assert turns == (1,) * 10


def test_the_replicate_that_has_started_is_not_paid_for_again() -> None:
    # 0.95 x 60 x 0.7 / 5 are seven, and the first makes eight: (57 - 7 x 5) / 8 = 2.75 s each, three a round.
    turns = turns_by_budget(Schedule(), replicates_left=8, round_s=0.09, start_s=5.0, left_s=60.0)
    assert turns == (3,) * 10


def test_slow_models_get_fewer_rounds_before_they_get_none() -> None:
    turns = turns_by_budget(Schedule(), replicates_left=8, round_s=2.0, start_s=4.0, left_s=100.0)
    assert turns == (1,) * 4  # (100 x 0.95 - 28) / 8 = 8.4 s, four rounds of 2 s
