"""When a series of first inferences is steady."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ironlaw.arm import Arm
from ironlaw.fact import ArmStarted
from ironlaw.measure.warm_up import LONG_NS, TimedCalls, WarmUps, steady_from, warm_up, warming_s
from ironlaw.missing import Maybe, Missing


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


def started(name: str, series: tuple[int, ...], *, is_steady: bool = True) -> tuple[Arm, ArmStarted]:
    steady: Maybe[int] = 1 if is_steady else Missing("never")
    fact = ArmStarted(
        arm=name, replicate=0, load_ns=0, warm_up_ns=series, steady_at=steady, threads=1, cpus=(0,)
    )  # fmt: skip
    return Arm.of(name), fact


def test_a_later_replicate_warms_up_for_as_long_as_the_arms_needed_before() -> None:
    warm_ups = WarmUps()
    for _ in range(2):
        for name, slow in (("fp32", 1), ("int8", 3), ("int8+fused", 2)):
            warm_ups.note(*started(name, (*(900,) * slow, *(100,) * 10)))
    given = warm_ups.of([Arm.of("fp32"), Arm.of("int8"), Arm.of("int8+fused")])
    assert given.inferences == {"fp32": 4, "int8": 4, "int8+fused": 4}
    assert not given.checks


def test_one_arm_with_a_little_noise_does_not_lengthen_the_warm_up_of_all() -> None:
    warm_ups = WarmUps()
    for name, noisy in (("fp32", 100), ("int8", 118), ("int8+fused", 100)):
        warm_ups.note(*started(name, (900, *(noisy,) * 5, *(100,) * 8)))
    assert warm_ups.of([Arm.of("fp32")]).inferences == {"fp32": 2}


def test_one_arm_that_alone_needed_longer_is_judged_again_before_the_others_follow_it() -> None:
    warm_ups = WarmUps()
    arms = [Arm.of(name) for name in ("fp32", "int8", "int8+fused")]
    for arm in arms:
        slow = 12 if arm.name == "int8" else 1
        warm_ups.note(*started(arm.name, (*(900,) * slow, *(100,) * 14)))
    given = warm_ups.of(arms)
    assert given.inferences == {"fp32": 2, "int8+fused": 2}  # int8 warms up until it is steady
    assert not given.checks  # it is not new
    warm_ups.note(*started("int8", (900, *(100,) * 14)))  # the host had changed its speed
    assert warm_ups.of(arms).inferences == {"fp32": 2, "int8": 2, "int8+fused": 2}


def test_an_arm_that_never_became_steady_does_not_lengthen_the_warm_up_of_all() -> None:
    warm_ups = WarmUps()
    compiles = tuple(900 if place % 2 else 100 for place in range(40))
    for _ in range(2):
        for name, series in (("fp32", (900, *(100,) * 10)), ("int8", (900, *(100,) * 10)), ("int8+fused", compiles)):
            warm_ups.note(*started(name, series))
    given = warm_ups.of([Arm.of("fp32"), Arm.of("int8"), Arm.of("int8+fused")])
    assert given.inferences == {"fp32": 2, "int8": 2, "int8+fused": 2}


def test_an_arm_that_joins_warms_up_until_it_is_steady_and_all_are_checked() -> None:
    warm_ups = WarmUps()
    warm_ups.note(*started("fp32", (900, *(100,) * 10)))
    given = warm_ups.of([Arm.of("fp32"), Arm.of("int8")])
    assert given.inferences == {"fp32": 2}
    assert given.checks


def test_a_length_that_is_given_is_run_and_no_more() -> None:
    replay = _replayed([900, *[100] * 100])
    assert len(warm_up(lambda: next(replay), limit_ns=10**9, inferences=5)) == 5


def test_a_length_that_is_given_ends_at_the_limit_too() -> None:
    replay = _replayed([10**7] * 50)
    assert len(warm_up(lambda: next(replay), limit_ns=1, inferences=20)) == 3


@pytest.mark.parametrize(("ms", "count"), [(99, 3), (100, 2)])
def test_two_long_inferences_are_enough_where_the_length_is_known(ms: int, count: int) -> None:
    replay = _replayed([ms * 1_000_000] * 50)
    assert LONG_NS == 100_000_000
    assert len(warm_up(lambda: next(replay), limit_ns=10**12, inferences=1)) == count
    assert len(warm_up(lambda: next(replay), limit_ns=1, inferences=20)) == count
    assert len(warm_up(lambda: next(replay), limit_ns=1)) == 3


def test_a_cache_that_is_filled_once_is_not_taken_for_something_that_each_inference_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else an arm would be given fewer inferences a turn: one of 7 ms behind tokens that take 130 to read."""
    ticks = iter([0, 137, 200, 208, 300, 308])
    monkeypatch.setattr("time.perf_counter_ns", lambda: next(ticks))
    timed = TimedCalls(lambda: 7)
    assert [timed() for _ in range(3)] == [7, 7, 7]
    assert timed.each_and_once_ns() == (1, 129)
    monkeypatch.undo()
    _, fact = started("fp32", (7, 7, 7))
    assert warming_s(replace(fact, between_ns=1, once_ns=129)) == pytest.approx((21 + 3 + 129) / 1e9)
