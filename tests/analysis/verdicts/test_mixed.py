"""Mixed precision: blocks are left in float by the ledger, and judged by turns; on networks with stated laws."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.verdicts.bench import bench
from ironlaw.analysis.verdicts.mixed import losing, mixed
from ironlaw.analysis.verdicts.search import adapted
from ironlaw.arm import Arm
from ironlaw.explanation import Mixed
from ironlaw.measure.layers.scripted import ScriptedLayer
from ironlaw.measure.scripted import ArmScript, Burden, Script
from ironlaw.missing import Missing
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.recording import Recording, assemble
from ironlaw.running.advice import advise_by
from tests.analysis.scripted_layers import FEATURES, FLOAT_ARM, INT8, form, layer
from tests.scripted import run_script

MIXED = "int8+int8-blocks=but:fc"
ALL_INT8 = "int8+int8-blocks=all"


def int8_arm(fc: float, *burdens: Burden, to_leave: float = 0.0) -> ArmScript:
    """The int8 arm, with the instructions that fc takes; `to_leave` are those that leaving it in float saves."""
    layers = (*INT8[:-1], _int8_linear(fc))
    saved = Burden(factor="int8-blocks", level="but:fc", user_instructions=to_leave)
    return ArmScript(layers=layers, user_instructions=25e6 + fc - to_leave, burdens=(saved, *burdens))


def _int8_linear(instructions: float) -> ScriptedLayer:
    forms = (form((1, 2048)), form((1, 10), "quint8"), form((10, 2048), "qint8"))
    return layer("fc", "Linear", 3, forms=forms, user_instructions=instructions)


def searched(int8: ArmScript, **others: ArmScript) -> Recording:
    arms = {"fp32": FLOAT_ARM, "int8": int8, **{name.replace("_at_", "@"): law for name, law in others.items()}}
    plan = Plan(
        model="scripted",
        arms=with_control(tuple(Arm.of(name) for name in arms)),
        schedule=Schedule(replicates=6, rounds=4, inferences=6 * 40, budget_s=None),
        layers=True,
    )

    # Without spread what is shown is the law.
    script = Script(arms=arms, turn_noise=0.0, shared_spread=0.0)
    return assemble(run_script(plan, script, advise_by(lambda recording: adapted(recording, cpus=1))))


def found(recording: Recording) -> tuple[Mixed, ...]:
    reported = explain(recording).mixed
    assert not isinstance(reported, Missing), reported.reason
    return reported


def gain(one: Mixed) -> float:
    assert not isinstance(one.gain, Missing)
    return one.gain.value


def test_a_block_that_is_slower_in_int8_is_left_in_float_and_wins() -> None:
    # fc takes 40 million instructions in int8 and 20 in float: 65 become 45.
    recording = searched(int8_arm(40e6, to_leave=20e6))
    assert {MIXED, ALL_INT8} <= {arm.name for arm in recording.plan.asked()}
    (one, *rest) = found(recording)
    assert (one.arm, one.blocks, one.is_best) == (MIXED, ("fc",), True)
    assert one.rival.startswith("int8")
    assert gain(one) == pytest.approx(65 / 45, rel=1e-4)
    assert not rest


def test_where_no_block_is_slower_in_int8_nothing_is_proposed() -> None:
    recording = searched(int8_arm(10e6))
    assert not [arm for arm in recording.plan.arms if "int8-blocks" in arm.name]
    lost = losing(recording)
    assert not isinstance(lost, Missing)
    assert lost.blocks == ()


def test_a_loss_too_small_to_matter_proposes_nothing() -> None:
    # 0.5 of 45.5 million instructions are 1.1 %, below the smallest effect of 1.5 %; 1 of 46 are 2.2 %.
    assert _lost(searched(int8_arm(20.5e6))) == ()
    assert _lost(searched(int8_arm(21e6))) == ("fc",)


def test_however_many_blocks_lose_all_of_them_are_left_in_float() -> None:
    def network(slow: float, dtype: str) -> tuple[ScriptedLayer, ...]:
        forms = (form(FEATURES, dtype), form(FEATURES, dtype))
        costs = (20e6 if dtype == "float32" else 5e6, *[slow] * 9)
        names = ("stem", *(f"blocks.{number}" for number in range(9)))
        return tuple(
            layer(name, "Conv2d", place - 1, forms=forms, user_instructions=cost)
            for place, (name, cost) in enumerate(zip(names, costs, strict=True))
        )

    laws = {
        "fp32": ArmScript(layers=network(5e6, "float32"), user_instructions=65e6),
        "int8": ArmScript(layers=network(9e6, "quint8"), user_instructions=86e6),
    }
    plan = Plan(
        model="scripted",
        arms=with_control((Arm.of("fp32"), Arm.of("int8"))),
        schedule=Schedule(replicates=2, rounds=2, inferences=16),
        layers=True,
    )
    kept = run_script(plan, Script(arms=laws, turn_noise=0.0, shared_spread=0.0))
    assert _lost(assemble(kept)) == tuple(f"blocks.{number}" for number in range(9))


def test_where_every_int8_block_loses_the_float_arm_is_what_is_left() -> None:
    slow = replace(
        int8_arm(40e6), layers=(INT8[0], replace(INT8[1], user_instructions=90e6), *INT8[2:-1], _int8_linear(40e6))
    )
    assert _lost(searched(replace(slow, user_instructions=140e6))) == ()


def test_a_mixed_arm_that_pays_more_at_its_borders_than_it_spares_is_shown_to_lose() -> None:
    # 20 million are saved and 30 spent on conversions that the ledger of the uniform arms cannot hold.
    borders = Burden(factor="int8-blocks", level="but:fc", is_brought=True, user_instructions=30e6)
    (one,) = found(searched(int8_arm(40e6, borders, to_leave=20e6)))
    assert gain(one) == pytest.approx(65 / 75, rel=1e-4)


def test_beside_a_faster_engine_the_mixed_arm_is_held_against_both() -> None:
    fast = ArmScript(user_instructions=30e6)
    best, sibling = found(searched(int8_arm(40e6, to_leave=20e6), int8_at_onnxruntime=fast))
    assert (best.rival, best.is_best) == ("int8@onnxruntime", True)
    assert gain(best) == pytest.approx(30 / 45, rel=1e-4)
    assert not sibling.is_best
    assert gain(sibling) == pytest.approx(65 / 45, rel=1e-4)


def test_arms_that_answer_otherwise_are_no_rivals() -> None:
    unlike = ArmScript(user_instructions=30e6, answer_noise=3.0)
    assert {one.rival for one in found(searched(int8_arm(40e6, to_leave=20e6), int8_at_onnxruntime=unlike))} <= {
        "int8",
        ALL_INT8,
    }


def test_conversions_inside_of_a_block_are_its_own_and_those_at_its_border_are_not() -> None:
    small = (form(FEATURES), form(FEATURES))
    float_layers = (
        layer("net.a.conv", "Conv2d", -1, forms=small, user_instructions=10e6),
        layer("net.a.act", "SiLU", 0, forms=small, user_instructions=5e6),
        layer("net.b.conv", "Conv2d", 1, forms=small, user_instructions=30e6),
    )
    inner, outer = 5e6, 20e6
    coded = (form(FEATURES, "quint8"), form(FEATURES, "quint8"))
    int8_layers = (
        layer("", "quantize_per_tensor", -1, forms=(form(FEATURES), coded[0]), user_instructions=1e6),
        layer("net.a.conv", "Conv2d", 0, forms=coded, user_instructions=8e6),
        layer("", "dequantize", 1, forms=(coded[0], form(FEATURES)), user_instructions=inner),
        layer("net.a.act", "SiLU", 2, forms=small, user_instructions=5e6),
        layer("", "quantize_per_channel", 3, forms=(form(FEATURES), coded[0]), user_instructions=outer),
        layer("net.b.conv", "Conv2d", 4, forms=coded, user_instructions=10e6),
    )
    # Of net.a: 15 million in float; in int8 13, and 18 with the conversion between its own layers.
    plan = Plan(
        model="scripted",
        arms=with_control((Arm.of("fp32"), Arm.of("int8"))),
        schedule=Schedule(replicates=2, rounds=2, inferences=16),
        layers=True,
    )
    laws = {
        "fp32": ArmScript(layers=float_layers, user_instructions=45e6),
        "int8": ArmScript(layers=int8_layers, user_instructions=50e6),
    }
    script = Script(arms=laws, turn_noise=0.0, shared_spread=0.0)
    kept = run_script(plan, script)
    assert _lost(assemble(kept)) == ("net.a",)


def test_where_the_control_moved_nothing_is_claimed_of_what_was_tried() -> None:
    recording = searched(int8_arm(40e6, to_leave=20e6))
    (one,) = _mixed(recording, trusted=False)
    assert one.arm == MIXED
    assert isinstance(one.gain, Missing)


def test_without_layers_it_is_said_why_nothing_was_mixed() -> None:
    recording = searched(replace(int8_arm(40e6), layers=()))
    lost = losing(recording)
    assert isinstance(lost, Missing)
    assert "layers" in lost.reason


def test_the_arms_that_show_it_are_not_retired() -> None:
    faster = {
        f"int8_at_{engine}": ArmScript(user_instructions=20e6) for engine in ("onnxruntime", "openvino", "compiled")
    }
    recording = searched(int8_arm(40e6, to_leave=20e6), bf16=ArmScript(user_instructions=19e6), **faster)
    assert recording.plan.retired
    assert not {MIXED, ALL_INT8} & set(recording.plan.retired)


def _mixed(recording: Recording, *, trusted: bool) -> tuple[Mixed, ...]:
    reported = mixed(recording, bench(recording), ["fp32", "int8", MIXED, ALL_INT8], trusted=trusted)
    assert not isinstance(reported, Missing)
    return reported


def _lost(recording: Recording) -> tuple[str, ...]:
    lost = losing(recording)
    assert not isinstance(lost, Missing), lost.reason
    return lost.blocks
