"""The frontier of int8 arms in words: speed against agreement, and whether any reaches what was requested."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.estimate import Estimate
from ironlaw.explanation.sensitivity import Frontier, FrontierArm, SetOfLayers
from ironlaw.missing import Missing
from ironlaw.replay import Use
from ironlaw.report.frontier import frontier_sentences, frontier_value

from .test_left_in_float import agreeing


def arm(name: str, gain: float, agreement: float) -> FrontierArm:
    return FrontierArm(
        arm=name,
        left=3,
        gain=Estimate(value=gain, low=gain - 0.1, high=gain + 0.1),
        chosen_by=agreeing(1.0, 0.9, 64),
        held_out=agreeing(agreement, 0.8, 256),
    )


SETS = tuple(
    SetOfLayers(
        arm="int8@onnxruntime", floats=("a",) * size, agreement={Use.HELD_OUT: agreeing(value, 0.8, 64)}, given_up=share
    )
    for size, value, share in ((1, 0.95, 0.1), (2, 1.0, 0.4), (3, 1.0, 0.3))
)
ONE = Frontier(
    engine="onnxruntime",
    in_float="fp32@onnxruntime",
    least=0.99,
    arms=(arm("int8@onnxruntime", 1.8, 0.9), arm("mixed", 1.2, 0.97)),
    sets=SETS,
)


def test_each_arm_has_its_speed_and_its_agreement() -> None:
    said = frontier_sentences(ONE)
    assert "1.80×" in said[1]
    assert "97.0" in said[2]


def test_where_none_reaches_the_request_the_sets_that_do_are_counted_with_the_least_that_they_give_up() -> None:
    assert frontier_sentences(ONE)[-1].startswith("None of them agrees on at least 99")
    assert "Of 3 sets of layers that were replayed in float 2 do, the cheapest of which gives up 30" in (
        frontier_sentences(ONE)[-1].replace("\u00a0", " ")
    )


def test_the_fastest_that_reaches_it_is_named() -> None:
    reaching = replace(ONE, arms=(*ONE.arms, arm("careful", 1.1, 0.995)))
    assert "careful is the fastest" in frontier_sentences(reaching)[-1]


def test_gaps_keep_their_reasons() -> None:
    reason = Missing("it took no turn")
    value = frontier_value(replace(ONE, in_float=reason, arms=(replace(ONE.arms[0], gain=reason),)))
    assert value["float"] == {"missing": reason.reason}
    assert value["arms"][0]["speedup_over_float"] == {"missing": reason.reason}
