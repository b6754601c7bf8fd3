"""Laws that every factor obeys, so that a new one is one file."""

from __future__ import annotations

import pytest

from ironlaw.analysis.verdicts.planner import SWITCHES
from ironlaw.analysis.verdicts.shares import FACTOR_CAUSES
from ironlaw.factors import FACTORS
from ironlaw.missing import Missing
from ironlaw.report.causes import CAUSES


@pytest.mark.parametrize("name", FACTORS)
def test_a_factor_knows_its_plain_level_and_says_what_it_varies(name: str) -> None:
    factor = FACTORS[name]
    assert factor.plain in factor.levels
    assert factor.summary
    assert factor.may_move


@pytest.mark.parametrize("name", FACTORS)
def test_a_factor_tests_causes_of_the_catalogue_at_levels_it_has(name: str) -> None:
    for test in FACTORS[name].tests:
        assert test.cause in CAUSES
        assert FACTORS[name].accepts(test.level)


@pytest.mark.parametrize("name", FACTORS)
def test_remedies_are_for_levels_that_exist(name: str) -> None:
    assert all(FACTORS[name].accepts(level) for level in FACTORS[name].remedies)


@pytest.mark.parametrize("switch", SWITCHES, ids=str)
def test_a_switch_throws_a_level_that_exists_and_tests_that_cause(switch: object) -> None:
    (one,) = (known for known in SWITCHES if known is switch)
    assert FACTORS[one.factor].accepts(one.level)
    assert one.cause in {test.cause for test in FACTORS[one.factor].tests} | set(FACTOR_CAUSES.values())


def test_factors_that_differ_between_arms_stand_for_causes_of_the_catalogue() -> None:
    assert set(FACTOR_CAUSES) <= set(FACTORS)
    assert set(FACTOR_CAUSES.values()) <= set(CAUSES)


@pytest.mark.parametrize("level", ["jemalloc", "tcmalloc"])
def test_another_allocator_is_preloaded_or_said_to_be_missing(level: str) -> None:
    malloc = FACTORS["malloc"]
    possible = malloc.possible(level)
    if isinstance(possible, Missing):
        assert "apt install" in possible.reason
        assert malloc.environment(level) == {}
    else:
        assert level in malloc.environment(level)["LD_PRELOAD"]
