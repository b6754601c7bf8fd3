"""Laws that every factor obeys, so that a new one is one file."""

from __future__ import annotations

import pytest

from ironlaw.factors import FACTORS
from ironlaw.missing import Missing


@pytest.mark.parametrize("name", FACTORS)
def test_a_factor_knows_its_plain_level_and_says_what_it_varies(name: str) -> None:
    factor = FACTORS[name]
    assert factor.plain in factor.levels
    assert factor.summary
    assert factor.may_move


@pytest.mark.parametrize("name", FACTORS)
def test_remedies_are_for_levels_that_exist(name: str) -> None:
    assert all(FACTORS[name].accepts(level) for level in FACTORS[name].remedies)


@pytest.mark.parametrize("level", ["jemalloc", "tcmalloc"])
def test_another_allocator_is_preloaded_or_said_to_be_missing(level: str) -> None:
    malloc = FACTORS["malloc"]
    possible = malloc.possible(level)
    if isinstance(possible, Missing):
        assert "apt install" in possible.reason
        assert malloc.environment(level) == {}
    else:
        assert level in malloc.environment(level)["LD_PRELOAD"]
