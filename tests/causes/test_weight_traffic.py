"""Weight traffic is not suspected where an arm's weights stay in a cache of its CPU."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.arm import Arm
from ironlaw.causes.weight_traffic import CAUSE
from ironlaw.missing import Missing
from ironlaw.observed import SUSPECTED_BYTES, Observed


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


# Dynamic int8 of an LSTM with a small layer after it: the products of the layer are int8, the LSTM stays in float.
PARTLY_INT8 = replace(
    observed("dynamic", (4 << 20) - 20_000), census={"operators": 50.0, "int8_operators": 1.0, "aliasable_bytes": 0.0}
)


def test_an_arm_that_reads_as_many_bytes_does_not_differ_by_them_where_it_cannot_be_aliased() -> None:
    assert CAUSE.shows(BEYOND)
    assert not CAUSE.shows(PARTLY_INT8)
    assert CAUSE.is_equal_in(BEYOND, PARTLY_INT8)
    assert not CAUSE.may_divide(BEYOND, PARTLY_INT8)


def test_an_arm_with_fewer_bytes_may_differ_by_them() -> None:
    fewer = replace(PARTLY_INT8, size_bytes=1 << 20)
    assert CAUSE.may_divide(BEYOND, fewer)
    assert not CAUSE.is_equal_in(BEYOND, fewer)


def test_arms_that_can_both_be_aliased_are_tested_on_both_sides() -> None:
    assert CAUSE.may_divide(BEYOND, replace(BEYOND, arm=PARTLY_INT8.arm))


def test_arms_of_unknown_size_may_differ() -> None:
    unknown = replace(BEYOND, size_bytes=SUSPECTED_BYTES), replace(PARTLY_INT8, size_bytes=SUSPECTED_BYTES)
    assert CAUSE.may_divide(*unknown)


def test_an_arm_that_cannot_be_aliased_has_the_traffic_of_its_bytes_all_the_same() -> None:
    quarter = replace(PARTLY_INT8, size_bytes=1 << 20)
    assert CAUSE.shows(BEYOND) != CAUSE.shows(quarter)
    assert CAUSE.unlikeness(BEYOND, quarter) == CAUSE.unlikeness(quarter, BEYOND) == 0.75
