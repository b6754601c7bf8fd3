"""The stopping rule and its projection."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.statistics.interval import t_quantile
from ironlaw.analysis.statistics.stopping import FEWEST_REPLICATES, is_enough, is_precise_enough, replicates_needed
from ironlaw.fact import Ending, Fact, Failure
from ironlaw.missing import Missing, is_known
from ironlaw.recording import Recording
from tests.analysis.stated import Law, Noise, recording

ARMS = {"fp32": Law(), "int8": Law(instructions=10e6)}
QUIET, NOISY = Noise(own=0.001, rounds=0.001), Noise(own=0.2, rounds=0.01)


def facts(fact: Recording) -> list[Fact]:
    assert is_known(fact.counters)
    return [fact.header, fact.plan, fact.counters, *fact.failures, *fact.started, *fact.readings]


def test_five_equal_replicates_are_not_enough_and_six_are() -> None:
    assert not is_precise_enough([0.1] * (FEWEST_REPLICATES - 1), 0.02)
    assert is_precise_enough([0.1] * FEWEST_REPLICATES, 0.02)


def test_the_projection_is_where_the_rule_would_stop_at_the_same_spread() -> None:
    means = [0.0, 0.1] * 4
    spread = math.sqrt(8 * 0.05**2 / 7)
    further = replicates_needed(means, 0.02)
    assert is_known(further)
    reached = len(means) + further

    def half(count: int) -> float:
        return t_quantile(count - 1, 0.985) * spread / math.sqrt(count)

    assert half(reached) <= math.log1p(0.02) < half(reached - 2)  # in steps of one or two at this size
    assert not is_precise_enough(means, 0.02)


def test_nothing_more_is_needed_once_the_rule_says_enough() -> None:
    assert replicates_needed([0.1] * 8, 0.02) == 0
    assert replicates_needed([0.1] * 4, 0.02) == FEWEST_REPLICATES - 4


def test_an_unreachable_goal_is_said_to_be_out_of_reach() -> None:
    assert isinstance(replicates_needed([0.0, 1.0] * 4, 1e-6), Missing)
    assert isinstance(replicates_needed([0.0], 0.02), Missing)


def test_a_run_is_enough_when_every_comparison_is_precise() -> None:
    assert is_enough(facts(recording(ARMS, QUIET, precision=0.02)))
    assert not is_enough(facts(recording(ARMS, NOISY, precision=0.02)))
    assert not is_enough(facts(recording(ARMS, QUIET, precision=None)))
    assert not is_enough(facts(recording(ARMS, QUIET, precision=0.02, replicates=5)))


def test_an_arm_that_failed_does_not_hold_the_run_up() -> None:
    three = {**ARMS, "broken": Law()}
    fact = recording(three, QUIET, precision=0.02)
    cut = tuple(one for one in fact.readings if one.arm != "broken")
    assert not is_enough(facts(replace(fact, readings=cut)))
    failure = Failure(arm="broken", replicate=0, stage="turn", reason="killed")
    assert is_enough(facts(replace(fact, readings=cut, failures=(failure,))))


def test_a_run_that_stopped_on_precision_reports_no_interval_narrower_than_its_goal() -> None:
    fact = recording(ARMS, QUIET, precision=0.02, ended=Ending.PRECISION)
    (comparison,) = explain(fact).comparisons
    assert is_known(comparison.ln_ratio)
    assert comparison.ln_ratio.half_width == pytest.approx(math.log1p(0.02), rel=1e-12)
    (scheduled,) = explain(recording(ARMS, QUIET, precision=0.02)).comparisons
    assert is_known(scheduled.ln_ratio)
    assert scheduled.ln_ratio.half_width < 0.005


def test_what_is_still_needed_is_in_the_comparison() -> None:
    (comparison,) = explain(recording(ARMS, NOISY, precision=0.02)).comparisons
    assert is_known(comparison.replicates_needed)
    assert comparison.replicates_needed > 10
    assert isinstance(explain(recording(ARMS, NOISY)).comparisons[0].replicates_needed, Missing)
