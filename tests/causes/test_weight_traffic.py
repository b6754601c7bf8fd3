"""Weight traffic is refuted without an experiment where the weights of both arms stay in a cache of their CPU."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.analysis.verdicts.unswitched import consistent
from ironlaw.arm import Arm
from ironlaw.causes.weight_traffic import CAUSE
from ironlaw.explanation import Comparison, Difference, Outcome
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


LARGE, SMALL = observed("f32", 917_472), observed("f16", 462_432)
BEYOND = observed("beyond", 4 << 20)


def test_weights_that_stay_in_the_cache_refute_it_with_their_sizes() -> None:
    assert not CAUSE.shows(LARGE)
    assert (
        CAUSE.refuted_beside(LARGE, SMALL) == "0.92 and 0.46 MB of weights stay in the level-2 cache between inferences"
    )
    comparison = Comparison(
        control="f32",
        changed="f16",
        ln_ratio=Missing(""),
        rank=Missing(""),
        replicates=(),
        difference=Difference.FASTER,
        split=Missing(""),
    )
    verdict = next(one for one in consistent(comparison, LARGE, SMALL, Missing("")) if one.cause == CAUSE.slug)
    assert verdict.outcome is Outcome.REFUTED
    assert isinstance(verdict.effect, Missing)


def test_weights_beyond_half_of_the_cache_are_suspected_and_tested() -> None:
    assert CAUSE.shows(BEYOND)
    assert CAUSE.refuted_beside(BEYOND, SMALL) == ""
    assert CAUSE.excludes(SMALL) == "its 0.46 MB of weights stay in the level-2 cache between inferences"


def test_a_cache_that_is_emptied_or_of_unknown_size_keeps_nothing() -> None:
    for one in (observed("f32", 917_472, "+cache=cold"), replace(LARGE, level2_bytes=Missing("was not recorded"))):
        assert CAUSE.shows(one)
        assert CAUSE.refuted_beside(one, SMALL) == ""


def test_weights_of_one_size_explain_no_difference_and_need_no_verdict() -> None:
    assert CAUSE.refuted_beside(LARGE, observed("other", 917_000)) == ""
