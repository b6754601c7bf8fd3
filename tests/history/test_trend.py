"""Trends: a planted change is found where it was planted, and noise is no change."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ironlaw.history.queries import Series
from ironlaw.history.trend import LEAST_POINTS, MANY, MOST_POINTS, best_division, student, trend_of
from ironlaw.missing import Missing, is_known


def series(values: list[float], **facts: list[str]) -> Series:
    points: list[dict[str, Any]] = [
        {
            "started": f"2025-01-01T00:00:{place:05}",
            "ln_gain": value,
            "file": f"{place}.jsonl",
            "ironlaw": "0.1.0",
            "kernel": "6.1",
            "governor": None,
            "libc": None,
            "versions": "torch 2.6.0",
            **{name: given[place] for name, given in facts.items()},
        }
        for place, value in enumerate(values)
    ]
    return Series(model="net", host="h", threads=1, batch=1, control="fp32", changed="int8", points=points)


def noise(n: int, seed: int, sd: float = 0.02) -> list[float]:
    return [float(value) for value in np.random.default_rng(seed).normal(math.log(2), sd, n)]


def test_a_planted_step_is_found_at_its_place_with_its_size() -> None:
    values = noise(60, 1)
    values[40:] = [value - math.log(1.25) for value in values[40:]]
    (change,) = trend_of(series(values)).changes
    assert change.since == "2025-01-01T00:00:00040"
    assert change.step.low < -math.log(1.25) < change.step.high
    assert change.gain_before == pytest.approx(2.0, rel=0.02)
    assert change.gain_after == pytest.approx(1.6, rel=0.02)


def test_noise_alone_changes_in_few_series() -> None:
    changed = sum(bool(trend_of(series(noise(30, seed))).changes) for seed in range(200))
    assert changed <= 4  # 2 %


def test_a_level_that_never_moves_has_no_change() -> None:
    trend = trend_of(series([0.7] * 20))
    assert trend.changes == ()
    assert is_known(trend.level)
    assert trend.level.value == pytest.approx(math.exp(0.7))


def test_a_step_between_exact_levels_is_found() -> None:
    (change,) = trend_of(series([0.7] * 10 + [0.5] * 10)).changes
    assert change.step.value == pytest.approx(-0.2)


def test_what_changed_at_the_same_time_is_reported() -> None:
    values = [0.7] * 10 + [0.5] * 10
    versions = ["numpy 2.0, torch 2.5.1"] * 10 + ["numpy 2.0, torch 2.6.0"] * 10
    (change,) = trend_of(series(values, versions=versions)).changes
    assert change.at_the_same_time == {"torch": ("2.5.1", "2.6.0")}


def test_a_single_recording_has_a_level_without_an_interval() -> None:
    trend = trend_of(series([0.7]))
    assert isinstance(trend.level, Missing)
    assert trend.changes == ()


def test_too_few_points_for_a_spread_show_no_change() -> None:
    assert trend_of(series([0.7, 0.7, 0.7, 0.2, 0.2, 0.2])).changes == ()


def test_a_long_series_is_averaged_and_its_step_still_found() -> None:
    values = noise(MOST_POINTS + 1000, 3)
    values[3000:] = [value + 0.05 for value in values[3000:]]
    trend = trend_of(series(values))
    assert trend.averaged == 2
    (change,) = trend.changes
    assert abs(int(change.since[-5:]) - 3000) <= 20


def test_the_level_is_that_since_the_last_change() -> None:
    trend = trend_of(series([0.7] * 10 + [0.5] * 10))
    assert is_known(trend.level)
    assert trend.level.value == pytest.approx(math.exp(0.5))


@pytest.mark.parametrize("seed", range(12))
def test_the_division_is_the_one_that_ruptures_finds(seed: int) -> None:
    ruptures = pytest.importorskip("ruptures", reason="ruptures is what the division is held against")
    rng = np.random.default_rng(seed)
    levels = rng.normal(0, 0.1, 4).repeat(rng.integers(6, 30, 4))
    values = levels + rng.normal(0, 0.03, len(levels))
    penalty = float(rng.uniform(0.003, 0.05))
    search = ruptures.KernelCPD(kernel="linear", min_size=LEAST_POINTS).fit(values.reshape(-1, 1))
    assert best_division(values.tolist(), penalty) == search.predict(pen=penalty)[:-1]


@pytest.mark.parametrize("level", [0.975, 0.995])
@pytest.mark.parametrize("freedom", [3.5, MANY - 1.0, MANY, 317.25, 1e4, 1e7])
def test_the_quantile_of_student_s_t_is_scipy_s_however_it_is_reached(level: float, freedom: float) -> None:
    from scipy.stats import t

    assert student(level, freedom) == pytest.approx(float(t.ppf(level, freedom)), rel=1e-8)
