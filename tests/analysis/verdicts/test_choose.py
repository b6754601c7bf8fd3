"""Which layers are proposed for float: those that cost the answers most for the time that int8 saves in them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.analysis.sensitivity.leaving import leaves_some
from ironlaw.analysis.verdicts.choose import chosen, given_up_ns, order, sets_to_try
from ironlaw.arm import Arm
from ironlaw.estimate import Estimate
from ironlaw.missing import Maybe, Missing
from ironlaw.replay import Use
from ironlaw.sensitivity import AnswerAgreement, LayerAnswers, MixedAnswers, Sensitivity


def agreeing(agreement: float, *, lost: float = 0.01) -> AnswerAgreement:
    return AnswerAgreement(
        inputs=64,
        agreement=Estimate(value=agreement, low=agreement - 0.05, high=1.0),
        by_class=True,
        column=Missing("classes"),
        sqnr_db=20.0,
        lost=lost,
    )


def layer(name: str, *, lost: float, gained_ns: Maybe[float]) -> LayerAnswers:
    return LayerAnswers(
        name=name,
        path=name,
        operator="Conv",
        nodes=(f"node_{name}",),
        own_sqnr_db=30.0,
        alone={Use.CHOOSING: agreeing(0.9, lost=lost)},
        left_float=Missing("not here"),
        gained_ns=gained_ns,
    )


def found(*layers: LayerAnswers, mixtures: tuple[MixedAnswers, ...] = ()) -> Sensitivity:
    return Sensitivity(
        arm="int8@onnxruntime",
        control="fp32@onnxruntime",
        layers=tuple(sorted(layers, key=lambda one: -one.lost)),
        whole={},
        arm_itself={},
        how="by hand",
        took_s=1.0,
        mixtures=mixtures,
    )


def mixture(floats: tuple[str, ...], choosing: float) -> MixedAnswers:
    return MixedAnswers(floats=floats, agreement={Use.CHOOSING: agreeing(choosing)})


LOUD = layer("loud", lost=0.02, gained_ns=1000.0)
DEAR = layer("dear", lost=0.01, gained_ns=10_000.0)  # costs half as much, and int8 saves ten times as much in it
SLOW = layer("slow", lost=0.005, gained_ns=-2000.0)  # loses time by int8
QUIET = layer("quiet", lost=1e-8, gained_ns=1.0)


def test_layers_are_ordered_by_answer_lost_for_time_gained() -> None:
    assert [one.name for one in order(found(LOUD, DEAR))] == ["loud", "dear"]
    cheap = replace(DEAR, gained_ns=100.0)
    assert [one.name for one in order(found(LOUD, cheap, replace(LOUD, name="third", gained_ns=1e5)))][-1] == "third"


def test_a_layer_that_loses_time_by_int8_comes_before_those_that_gain() -> None:
    assert order(found(LOUD, DEAR, SLOW))[0].name == "slow"


def test_a_layer_that_costs_the_answers_next_to_nothing_is_not_proposed() -> None:
    assert "quiet" not in [one.name for one in order(found(LOUD, QUIET))]


def test_a_layer_without_a_time_is_counted_with_the_mean() -> None:
    unknown = layer("unknown", lost=0.02, gained_ns=Missing("not in the ledger"))
    assert [one.name for one in order(found(DEAR, unknown))] == ["unknown", "dear"]


def test_sets_begin_with_none_and_grow_from_the_front_of_both_orders() -> None:
    sets = sets_to_try(found(LOUD, DEAR, SLOW))
    assert sets[0] == ()
    assert {("slow",), ("loud",)} <= set(sets)
    assert len(set(sets)) == len(sets)


def test_the_sets_that_agree_and_give_up_least_time_are_chosen() -> None:
    mixtures = (mixture((), 0.9), mixture(("dear",), 1.0), mixture(("loud",), 1.0), mixture(("slow",), 0.9))
    assert chosen(found(LOUD, DEAR, SLOW, mixtures=mixtures), 0.99) == (("loud",), ("dear",))


def test_nothing_is_chosen_where_int8_agrees_by_itself_or_no_set_does() -> None:
    assert chosen(found(LOUD, mixtures=(mixture((), 1.0), mixture(("loud",), 1.0))), 0.99) == ()
    assert chosen(found(LOUD, mixtures=(mixture((), 0.9), mixture(("loud",), 0.95))), 0.99) == ()


def test_time_given_up_adds_up() -> None:
    assert given_up_ns(found(LOUD, SLOW), ("loud", "slow")) == pytest.approx(-1000.0)


@pytest.mark.parametrize(
    ("text", "leaves"),
    [
        ("int8@onnxruntime", False),
        ("int8@onnxruntime+float-nodes=a:b", True),
        ("int8", False),
        ("int8+int8-blocks=but:features.0", True),
        ("int8+int8-blocks=all", False),
        ("fp32", False),
    ],
)
def test_an_arm_leaves_layers_in_float_by_the_factor_of_its_engine(text: str, leaves: bool) -> None:
    assert leaves_some(Arm.of(text)) is leaves
