"""The design of the rounds: laws that hold for any number of arms."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ironlaw.measure.rounds import order_rounds, williams_rows


@given(st.integers(1, 12))
def test_each_arm_stands_in_each_position_equally_often(size: int) -> None:
    rows = williams_rows(size)
    seen = Counter((position, item) for row in rows for position, item in enumerate(row))
    assert len(seen) == size * size
    assert len(set(seen.values())) == 1


@given(st.integers(2, 12))
def test_each_arm_follows_each_other_arm_equally_often(size: int) -> None:
    pairs = Counter(pair for row in williams_rows(size) for pair in pairwise(row))
    assert len(pairs) == size * (size - 1)
    assert len(set(pairs.values())) == 1


@given(st.integers(1, 9), st.integers(1, 40), st.integers(0, 10**6))
def test_every_round_runs_every_arm_once(arms: int, rounds: int, seed: int) -> None:
    ordered = order_rounds(arms, rounds, random.Random(seed))
    assert len(ordered) == rounds
    assert all(sorted(row) == list(range(arms)) for row in ordered)


@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 10**6))
def test_positions_are_balanced_after_every_whole_square(arms: int, squares: int, seed: int) -> None:
    ordered = order_rounds(arms, arms * squares, random.Random(seed))
    seen = Counter((position, arm) for row in ordered for position, arm in enumerate(row))
    assert set(seen.values()) == {squares}


def test_the_same_seed_gives_the_same_order() -> None:
    assert order_rounds(5, 10, random.Random("7/0")) == order_rounds(5, 10, random.Random("7/0"))
    assert order_rounds(5, 10, random.Random("7/0")) != order_rounds(5, 10, random.Random("7/1"))
