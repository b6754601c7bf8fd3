"""Weight traffic is not suspected where an arm's weights stay in a cache of its CPU."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.arm import Arm
from ironlaw.causes.weight_traffic import CAUSE
from ironlaw.missing import Missing
from ironlaw.observed import Observed


def observed(name: str, size_bytes: int, levels: str = "") -> Observed:
    """An arm in float on a CPU with 2 MiB of level-2 cache."""
    return Observed(
        arm=replace(Arm.of(f"fp32{levels}"), name=name),
        wall_ns=1e5,
        page_faults=0.0,
        checks={},
        census={"operators": 50.0, "int8_operators": 0.0},
        cpus=1,
        size_bytes=size_bytes,
        level2_bytes=2 << 20,
    )


LARGE = observed("f32", 917_472)
BEYOND = observed("beyond", 4 << 20)


def test_weights_that_stay_in_the_cache_are_not_suspected_and_their_size_is_the_reason() -> None:
    assert not CAUSE.shows(LARGE)
    assert CAUSE.excludes(LARGE) == "its 0.92 MB of weights stay in the level-2 cache between inferences"


def test_weights_beyond_half_of_the_cache_are_suspected_and_tested() -> None:
    assert CAUSE.shows(BEYOND)
    assert CAUSE.excludes(BEYOND) == ""


def test_a_cache_that_is_emptied_or_of_unknown_size_keeps_nothing() -> None:
    for one in (observed("f32", 917_472, "+cache=cold"), replace(LARGE, level2_bytes=Missing("was not recorded"))):
        assert CAUSE.shows(one)


def test_weights_that_an_engine_copied_or_repacked_are_not_aliased_and_their_part_is_an_upper_bound() -> None:
    repacked = replace(BEYOND, census={"aliasable_bytes": 0.0})
    assert not CAUSE.shows(repacked)
    assert "an upper bound" in CAUSE.excludes(repacked)
    assert CAUSE.excludes(replace(BEYOND, census={"aliasable_bytes": 4e6})) == ""
