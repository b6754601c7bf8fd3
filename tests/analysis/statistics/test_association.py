"""Associations against hand calculation and a library's."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.statistics.association import correlation
from ironlaw.explanation import Association
from ironlaw.missing import Missing, is_known
from tests.analysis.stated import Law, Noise, recording

FOUR = {
    "a": Law(instructions=20e6, page_faults=4000),
    "b": Law(instructions=15e6, page_faults=3000),
    "c": Law(instructions=10e6, page_faults=2000),
    "d": Law(instructions=5e6, page_faults=1000),
}


def one(found: tuple[Association, ...], counter: str, over: str, arm: str = "") -> Association:
    (match,) = [entry for entry in found if (entry.counter, entry.over, entry.arm) == (counter, over, arm)]
    return match


def test_fishers_interval_is_that_of_the_formula() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=30)
    y = x + rng.normal(size=30)
    found = correlation(x, y)
    assert is_known(found)
    r = float(np.corrcoef(x, y)[0, 1])
    assert found.value == pytest.approx(r, rel=1e-12)
    assert found.low == pytest.approx(math.tanh(math.atanh(r) - 1.959964 / math.sqrt(27)), rel=1e-6)
    assert found.high == pytest.approx(math.tanh(math.atanh(r) + 1.959964 / math.sqrt(27)), rel=1e-6)


def test_what_does_not_vary_has_no_correlation() -> None:
    assert isinstance(correlation(np.ones(10), np.arange(10.0)), Missing)
    assert isinstance(correlation(np.arange(3.0), np.arange(3.0)), Missing)


def test_covariance_over_arms_is_the_mean_product_of_deviations() -> None:
    # page faults 4000 3000 2000 1000 against 11, 8.5, 6, 3.5 million cycles at 3 GHz
    fact = recording(FOUR, control=False, inferences=3000)
    found = one(explain(fact).associations, "page-faults", "arms")
    deviations = [(1500, 3.75), (500, 1.25), (-500, -1.25), (-1500, -3.75)]
    expected = sum(faults * cycles for faults, cycles in deviations) / 4 * 1e6 / 3
    assert found.n == 4
    assert found.covariance == pytest.approx(expected, rel=1e-9)
    assert is_known(found.correlation)
    assert found.correlation.value == pytest.approx(1.0, abs=1e-9)


def test_over_rounds_the_noise_of_the_replicate_is_taken_out() -> None:
    fact = recording({"a": Law(), "b": Law()}, Noise(shared=0.3, rounds=0.02))
    found = explain(fact).associations
    rounds = one(found, "cycles:u", "rounds", "a")
    assert is_known(rounds.correlation)
    assert rounds.correlation.value > 0.999
    assert rounds.n == 8 * 5  # every other round counted this group
    replicates = one(found, "cycles:u", "replicates", "a")
    assert replicates.n == 8
    assert replicates.covariance > 10 * rounds.covariance


def test_parts_of_the_time_are_no_counters() -> None:
    names = {entry.counter for entry in explain(recording(FOUR)).associations}
    assert not names & {"user_ns", "kernel_ns"}
    assert {"instructions:u", "page-faults", "cache-misses"} <= names
