"""Two modes and long tails are found, and what was recorded beside them is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.statistics.modes import slow_mode
from ironlaw.concern import Concern
from ironlaw.fact import Reading
from ironlaw.missing import Missing, is_known
from ironlaw.recording import Recording
from tests.analysis.stated import Law, Noise, recording

ARMS = {"fp32": Law(page_faults=2300), "int8": Law(instructions=10e6)}
SLOW = (1, 4, 6)


def change(fact: Recording, arm: str, how: dict[int, tuple[float, int]]) -> Recording:
    """In the given replicates of an arm, the time times a factor and other page faults per inference."""

    def changed(one: Reading) -> Reading:
        if one.arm != arm or one.replicate not in how:
            return one
        factor, faults = how[one.replicate]
        return replace(one, wall_ns=round(one.wall_ns * factor), minor_faults=faults * one.inferences)

    return replace(fact, readings=tuple(changed(one) for one in fact.readings))


def doubt(fact: Recording, slug: str) -> Concern:
    (found,) = [concern for concern in explain(fact).concerns if concern.slug == slug]
    return found


def test_two_modes_are_listed_by_replicate_and_explained_by_page_faults() -> None:
    fact = change(recording(ARMS, Noise(own=0.002)), "fp32", dict.fromkeys(SLOW, (1.2, 3500)))
    found = doubt(fact, "bimodal-arm")
    assert found.arm == "fp32"
    assert "slow in replicate 1, 4, 6, fast in 0, 2, 3, 5, 7" in found.text
    assert "page faults per inference goes with it: 3500 when slow, 2300 when fast" in found.text


def test_two_modes_that_nothing_recorded_explains_say_so() -> None:
    fact = change(recording(ARMS, Noise(own=0.002)), "fp32", dict.fromkeys(SLOW, (1.2, 2300)))
    assert "nothing recorded explains which" in doubt(fact, "bimodal-arm").text


def test_one_slow_replicate_is_an_outlier_and_no_mode() -> None:
    means = np.array([0.0, 0.001, -0.001, 0.002, 0.0, -0.002, 0.001, 0.5])
    assert slow_mode(means) is None


@pytest.mark.parametrize("count", [6, 8, 10, 15, 30])
def test_one_mode_is_called_two_in_at_most_2_percent(count: int) -> None:
    rng = np.random.default_rng(5)
    normal = sum(slow_mode(rng.normal(0, 0.05, count)) is not None for _ in range(500))
    heavy = sum(slow_mode(0.03 * rng.standard_t(3, count)) is not None for _ in range(500))
    assert normal <= 10
    assert heavy <= 10


def test_modes_closer_than_1_percent_are_not_worth_a_word() -> None:
    means = np.array([0, 0, 0, 0, 0.008, 0.008, 0.008, 0.008]) + np.arange(8) * 1e-6
    assert slow_mode(means) is None
    assert slow_mode(means * 2) is not None


def test_a_long_tail_is_named_with_its_worst_turn() -> None:
    fact = recording(ARMS)
    tail = tuple(
        replace(one, wall_ns=one.wall_ns * 3) if one.arm == "int8" and one.round in (3, 7) else one
        for one in fact.readings
    )
    found = doubt(replace(fact, readings=tail), "skewed-arm")
    assert found.arm == "int8"
    assert "3.00 times the median" in found.text


def layout_noise() -> Recording:
    """fp32's time follows its page faults, which differ from replicate to replicate."""
    faults = [2300, 2500, 2700, 2900, 3100, 3300, 3500, 3700]
    how = {r: (1 + (count - 2300) / 20000, count) for r, count in enumerate(faults)}
    return change(recording(ARMS, Noise(own=0.001, rounds=0.001)), "fp32", how)


def test_the_comparison_adjusted_for_page_faults_has_the_same_value_and_less_width() -> None:
    (comparison,) = explain(layout_noise()).comparisons
    assert comparison.covariate == "page faults"
    assert is_known(comparison.adjusted)
    assert is_known(comparison.ln_ratio)
    assert comparison.adjusted.value == pytest.approx(comparison.ln_ratio.value, rel=1e-12)
    assert comparison.adjusted.half_width < comparison.ln_ratio.half_width / 5
    assert "page faults" in doubt(layout_noise(), "process-layout").text


def test_a_difference_that_is_noise_in_the_covariate_has_ended_with_the_covariate_equal() -> None:
    # Two equal arms, one of which met more page faults in most replicates: each fault costs 1/20000 of the time.
    faults = [2900, 3100, 2700, 3300, 2950, 3350, 3000, 3200]
    how = {r: (1 + (count - 2900) / 20000, count) for r, count in enumerate(faults)}
    still = dict.fromkeys(range(8), (1.0, 2900))
    equal = {"fp32": Law(page_faults=2900), "int8": Law(page_faults=2900)}
    fact = change(change(recording(equal, Noise(own=0.0005, rounds=0.0005)), "fp32", how), "int8", still)
    (comparison,) = explain(fact).comparisons
    assert is_known(comparison.adjusted)
    assert is_known(comparison.ln_ratio)
    assert comparison.covariate_is_equal
    assert abs(comparison.adjusted.value) < comparison.ln_ratio.value / 5
    assert not comparison.adjusted.excludes(0.0)


def test_a_spread_that_nothing_explains_has_no_adjusted_comparison() -> None:
    (comparison,) = explain(recording(ARMS, Noise(own=0.03))).comparisons
    assert isinstance(comparison.adjusted, Missing)
    assert comparison.covariate == ""


def test_without_a_pmu_the_clock_of_a_chain_of_instructions_is_the_frequency_that_explains() -> None:
    clocks = [2400, 2450, 2500, 2550, 2600, 2650, 2700, 2750]

    def clocked(one: Reading) -> Reading:
        mhz = clocks[one.replicate] if one.arm == "fp32" else 2750
        wall_ns = round(one.wall_ns * 2750 / mhz)
        return replace(one, wall_ns=wall_ns, counts=(), clock_before_mhz=mhz - 10, clock_after_mhz=mhz + 10)

    fact = recording(ARMS, Noise(own=0.001, rounds=0.001))
    (comparison,) = explain(replace(fact, readings=tuple(map(clocked, fact.readings)))).comparisons
    assert comparison.covariate == "frequency"
