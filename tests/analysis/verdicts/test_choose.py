"""Which layers are proposed for float: those that cost the answers most for the time that int8 saves in them."""

from __future__ import annotations

import base64
import zlib
from dataclasses import replace

import numpy as np
import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.verdicts.choose import WITHIN_S, chosen, given_up_ns, order, sets_to_try, with_choices
from ironlaw.arm import Arm
from ironlaw.estimate import Estimate
from ironlaw.explanation.sensitivity import AnswerAgreement, LayerAnswers, MixedAnswers, Sensitivity
from ironlaw.fact import Fact, Outputs
from ironlaw.factors import FACTORS
from ironlaw.leaving import leaves_some, recalibrations
from ironlaw.measure.scripted import ArmScript, Script
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.plan import Plan, Replays, Schedule, with_control
from ironlaw.recording import Recording, assemble
from ironlaw.replay import Given, Mixture, Replay, ReplayedLayer, Use
from ironlaw.running.advice import advise_by
from tests.scripted import run_script


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
    assert {("slow",), ("slow", "loud"), ("slow", "loud", "dear")} <= set(sets)
    assert len(set(sets)) == len(sets)


def test_all_layers_that_cost_anything_are_one_of_the_sets() -> None:
    many = [layer(f"block{place}", lost=0.01, gained_ns=1000.0) for place in range(20)]
    assert 20 in {len(one) for one in sets_to_try(found(*many))}


def test_of_the_sets_that_agree_the_one_that_gives_up_least_time_is_chosen() -> None:
    mixtures = (mixture((), 0.9), mixture(("dear",), 1.0), mixture(("loud",), 1.0), mixture(("calm",), 0.9))
    calm = layer("calm", lost=0.01, gained_ns=600.0)
    assert chosen(found(LOUD, DEAR, calm, mixtures=mixtures), 0.99) == (("loud",),)


def test_with_it_go_two_that_have_half_and_a_quarter_of_its_noise() -> None:
    layers = [replace(LOUD, name=name, gained_ns=1000.0 * place) for place, name in enumerate("abcdef", start=1)]
    noises = {"a": 0.008, "b": 0.005, "c": 0.004, "d": 0.003, "e": 0.002, "f": 0.0001}
    sets = tuple(
        MixedAnswers(floats=(name,), agreement={Use.CHOOSING: agreeing(1.0, lost=lost)})
        for name, lost in noises.items()
    )
    assert chosen(found(*layers, mixtures=(mixture((), 0.9), *sets)), 0.99) == (("a",), ("c",), ("e",))


def test_with_them_goes_the_set_that_agrees_most_for_half_of_the_time_given_up() -> None:
    half = mixture(("slow",), 0.95)
    mixtures = (mixture((), 0.9), mixture(("dear",), 1.0), mixture(("loud", "slow"), 0.9), half)
    assert chosen(found(LOUD, DEAR, SLOW, mixtures=mixtures), 0.99) == (("dear",), ("slow",))


def test_where_no_set_agrees_the_one_that_agrees_most_is_measured() -> None:
    mixtures = (mixture((), 0.9), mixture(("loud",), 0.95), mixture(("dear",), 0.92))
    assert chosen(found(LOUD, DEAR, mixtures=mixtures), 0.99)[0] == ("loud",)


def test_of_sets_that_give_up_as_much_the_smaller_and_of_those_that_agree_as_much_the_cheaper_is_measured() -> None:
    calm, dear = layer("calm", lost=0.01, gained_ns=0.0), layer("dear", lost=0.01, gained_ns=2000.0)
    both = (mixture((), 0.9), mixture(("loud", "calm"), 1.0), mixture(("loud",), 1.0))
    assert chosen(found(LOUD, calm, mixtures=both), 0.99) == (("loud",),)
    unfit = (mixture((), 0.9), mixture(("dear",), 0.95), mixture(("loud",), 0.95))
    assert chosen(found(LOUD, dear, mixtures=unfit), 0.99)[0] == ("loud",)


def test_time_given_up_counts_before_the_number_of_layers() -> None:
    calm, dear = layer("calm", lost=0.01, gained_ns=0.0), layer("dear", lost=0.01, gained_ns=2000.0)
    sets = (mixture((), 0.9), mixture(("dear",), 1.0), mixture(("loud", "calm"), 1.0))
    assert chosen(found(LOUD, calm, dear, mixtures=sets), 0.99)[0] == ("loud", "calm")


def test_times_of_replayed_sets_count_before_the_ledger_which_has_no_conversions() -> None:
    calm = layer("calm", lost=0.01, gained_ns=0.0)
    took_ns = {(): 1e6, ("loud", "calm"): 1.1e6, ("dear",): 1.2e6}
    agree = {(): 0.9, ("loud", "calm"): 1.0, ("dear",): 1.0}
    sets = tuple(replace(mixture(floats, agree[floats]), median_ns=ns) for floats, ns in took_ns.items())
    cheap = replace(DEAR, gained_ns=10.0)
    assert chosen(found(LOUD, cheap, calm, mixtures=sets), 0.99)[0] == ("loud", "calm")
    untimed = tuple(replace(one, median_ns=Missing("not timed")) for one in sets)
    assert chosen(found(LOUD, cheap, calm, mixtures=untimed), 0.99)[0] == ("dear",)


def test_layers_up_to_a_place_in_the_network_are_tried_together_with_the_costliest_behind_them() -> None:
    costs = [0.01, 1e-9, 1e-9, 1e-9, 0.02, 0.03, 0.04, 0.05]
    layers = [replace(layer(f"l{place}", lost=lost, gained_ns=100.0), place=place) for place, lost in enumerate(costs)]
    sets = set(sets_to_try(found(*layers)))
    assert {("l0", "l1", "l2"), ("l0", "l1", "l2", "l7", "l6", "l5", "l4")} <= sets


def test_nothing_is_chosen_where_int8_agrees_by_itself() -> None:
    assert chosen(found(LOUD, mixtures=(mixture((), 1.0), mixture(("loud",), 1.0))), 0.99) == ()


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


INT8 = "int8@onnxruntime"
SLOWER = f"{INT8}+threads=2"
MIXED = Arm.of(f"{INT8}+float-nodes={FACTORS['float-nodes'].leaving(['node_loud'])}").name


def given(same_top: int, inputs: int, *, noise: float) -> Given:
    return Given(inputs=inputs, signal=1.0, noise=noise, same_top=same_top)


def replayed_layer(name: str, noise: float) -> ReplayedLayer:
    alone = {use: given(60, 64, noise=noise) for use in (Use.CHOOSING, Use.HELD_OUT)}
    return ReplayedLayer(name=name, path=name, operator="Conv", nodes=(f"node_{name}",), alone=alone)


LAYERS = (replayed_layer("loud", 0.1), replayed_layer("calm", 0.001))
SETS = ((), ("loud",), ("loud", "calm"))


def searched(*, chosen_agree: int, held_out_agree: int, mixed_noise: float = 0.0) -> Recording:
    """A search in which int8 alone answers otherwise, and the script states what replays give."""
    mixtures = tuple(
        Mixture(floats=floats, given={Use.CHOOSING: given(chosen_agree if floats else 50, 64, noise=0.1)})
        for floats in SETS
    )
    answered = {
        Use.CHOOSING: given(64, 64, noise=0.01),
        Use.HELD_OUT: given(held_out_agree, 256, noise=0.01),
    }
    apart = Missing("not of layers")
    replays: dict[Replays, tuple[Fact, ...]] = {
        Replays(arm=INT8, within_s=WITHIN_S): (Replay(arm=INT8, layers=LAYERS, arm_itself=answered),),
        Replays(arm=INT8, within_s=WITHIN_S, sets=SETS): (Replay(arm=INT8, layers=apart, mixtures=mixtures),),
    }
    for within_s in (
        WITHIN_S,
        WITHIN_S / 2,
        WITHIN_S / 3,
    ):  # arms share the time
        own = Replay(arm=MIXED, layers=apart, only_answers=True, arm_itself=answered)
        replays[Replays(arm=MIXED, within_s=within_s, only_answers=True)] = (own,)
    script = Script(
        arms={
            "fp32@onnxruntime": ArmScript(user_instructions=4e8),
            INT8: ArmScript(user_instructions=1e8, answer_noise=2.0),
            SLOWER: ArmScript(user_instructions=1.1e8, answer_noise=2.0),
            MIXED: ArmScript(user_instructions=1.2e8, answer_noise=mixed_noise),
            **{arm.name: ArmScript(user_instructions=3.9e8, answer_noise=2.0) for arm in recalibrations(Arm.of(INT8))},
        },
        replays=replays,
    )
    plan = Plan(
        model="scripted",
        arms=with_control((Arm.of("fp32@onnxruntime"), Arm.of(INT8), Arm.of(SLOWER))),
        schedule=Schedule(replicates=8, rounds=4, inferences=320, budget_s=None),
    )
    return assemble(run_script(plan, script, advise_by(lambda recording: with_choices(recording, recording.plan))))


def test_a_search_replays_layers_then_sets_then_measures_the_smallest_set_that_agrees() -> None:
    recording = searched(chosen_agree=64, held_out_agree=256)
    assert [(bool(one.mixtures), one.only_answers, one.arm) for one in recording.replays] == [
        (False, False, INT8),
        (True, False, INT8),
        (False, True, MIXED),
    ]
    assert (INT8, True) in {(one.arm, one.only_answers) for one in recording.plan.replays}  # beside it, on as many
    assert MIXED in {reading.arm for reading in recording.readings}
    [left] = [one for one in explain(recording).left_in_float if one.arm == MIXED]
    assert left.layers == ("loud",)
    assert left.base == INT8
    assert left.is_proposed


def test_layers_that_a_user_names_are_counted_one_by_one_and_were_not_proposed() -> None:
    named = Arm.of(f"{INT8}+float-nodes=a:b::c")
    script = Script(arms={one: ArmScript(user_instructions=1e8) for one in ("fp32@onnxruntime", INT8, named.name)})
    plan = Plan(
        model="scripted",
        arms=with_control((Arm.of("fp32@onnxruntime"), Arm.of(INT8), named)),
        schedule=Schedule(replicates=2, rounds=2, inferences=8, budget_s=None),
    )
    [left] = explain(assemble(run_script(plan, script))).left_in_float
    assert left.layers == left.nodes == ("a", "b::c")
    assert not left.is_proposed


def test_a_mixed_arm_that_agrees_on_held_out_inputs_is_recommended() -> None:
    found = explain(searched(chosen_agree=64, held_out_agree=256)).recommendation
    assert is_known(found)
    assert found.arm == MIXED


def test_a_mixed_arm_that_agrees_less_on_held_out_inputs_is_not_recommended() -> None:
    found = explain(searched(chosen_agree=64, held_out_agree=240)).recommendation
    assert isinstance(found, Missing) or found.arm != MIXED
    assert isinstance(found, Missing) or MIXED in found.unlike


def test_the_arm_whose_layers_were_replayed_remains_the_one_that_is_mixed() -> None:
    recording = searched(chosen_agree=64, held_out_agree=256)
    readings = tuple(replace(one, wall_ns=3 * one.wall_ns) if one.arm == INT8 else one for one in recording.readings)
    turned = replace(recording, readings=readings)
    assert SLOWER not in {one.arm for one in with_choices(turned, recording.plan).replays}


def test_where_no_set_agrees_the_measured_arm_is_not_recommended() -> None:
    found = explain(searched(chosen_agree=60, held_out_agree=240))
    assert isinstance(found.recommendation, Missing) or found.recommendation.arm != MIXED
    [frontier] = found.frontiers
    assert {INT8, MIXED} <= {one.arm for one in frontier.arms}
    assert not frontier.reaching


def test_an_arm_with_a_dead_column_is_replayed_although_its_cosine_is_high() -> None:
    """Large boxes and small scores in one tensor: without its scores the cosine is 1.0000."""
    recording = searched(chosen_agree=64, held_out_agree=256)
    boxes = [[300.0, 200.0 + row, 0.1 * (row + 1)] for row in range(8)]
    dead = [[300.0, 200.0 + row, 0.0] for row in range(8)]
    answers = (detections("fp32@onnxruntime", boxes), detections(INT8, dead))
    fresh = replace(recording, outputs=answers, replays=())
    plan = replace(recording.plan, replays=())
    assert [one.arm for one in with_choices(fresh, plan).replays if not one.only_answers] == [INT8]
    same = replace(fresh, outputs=(answers[0], detections(INT8, boxes)))
    assert not [one for one in with_choices(same, plan).replays if not one.only_answers]


def detections(arm: str, rows: list[list[float]]) -> Outputs:
    table = np.asarray(rows, dtype="<f4")
    return Outputs(
        arm=arm,
        shape=(len(rows), len(rows[0])),
        data=base64.b64encode(zlib.compress(table.tobytes())).decode(),
        input_digest="same",
        classes=Missing("not classes"),
        probes=tuple(range(len(rows))),
        forms=((len(rows[0]),),),
    )


def test_a_set_that_agrees_by_its_interval_goes_with_the_one_that_agrees_by_its_mean() -> None:
    def sure(floats: tuple[str, ...], low: float) -> MixedAnswers:
        known = replace(agreeing(0.995), agreement=Estimate(value=0.995, low=low, high=1.0))
        return MixedAnswers(floats=floats, agreement={Use.CHOOSING: known})

    layers = [replace(LOUD, name=name, gained_ns=1000.0 * place) for place, name in enumerate("abcde", start=1)]
    low = {"a": 0.98, "b": 0.98, "c": 0.98, "d": 0.991, "e": 0.992}  # the first of two that surely agree
    sets = tuple(sure((name,), least) for name, least in low.items())
    picked = chosen(found(*layers, mixtures=sets), 0.99)
    assert picked == (("a",), ("d",))
