"""When a series of first inferences is steady."""

from __future__ import annotations

from collections.abc import Iterator

from ironlaw.measure.warm_up import steady_from, warm_up
from ironlaw.missing import Missing


def test_a_slow_start_is_not_part_of_the_steady_series() -> None:
    assert steady_from([900, 500, 300, *[100] * 10]) == 3


def test_a_series_that_keeps_falling_is_never_steady() -> None:
    assert isinstance(steady_from([1000 - 30 * step for step in range(30)]), Missing)


def test_too_short_a_series_is_not_called_steady() -> None:
    assert isinstance(steady_from([100] * 9), Missing)


def _replayed(series: list[int]) -> Iterator[int]:
    yield from series


def test_warming_up_stops_once_steady() -> None:
    replay = _replayed([900, 500, 300, *[100] * 100])
    assert len(warm_up(lambda: next(replay), limit_ns=10**9)) == 13


def test_warming_up_gives_up_at_its_limit_but_runs_three() -> None:
    replay = _replayed([10**9] * 50)
    assert len(warm_up(lambda: next(replay), limit_ns=1)) == 3
