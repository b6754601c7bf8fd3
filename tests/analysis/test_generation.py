"""Rates of text generation, by hand from times, bytes and ceilings."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from ironlaw.analysis.generation import generation
from ironlaw.arm import Arm
from ironlaw.circumstance import RandomTokens
from ironlaw.estimate import Estimate
from ironlaw.explanation import ArmSummary
from ironlaw.explanation.generation import READING, GainByPhase, Generation
from ironlaw.fact import SCHEMA, Ceilings, Census, Header
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.phase import Phase, PhaseKind
from ironlaw.plan import Plan, Schedule
from ironlaw.recording import Recording, assemble
from ironlaw.running.planning import in_phases, own_arm
from ironlaw.variant import Variant

PREFILL, DECODE = "given@llamacpp+phase=prefill:100", "given@llamacpp+phase=decode:10"
HEADER = Header(schema=SCHEMA, ironlaw="0", started_utc="")
COUNTS: dict[str, Maybe[float]] = {
    "weight_bytes": 50e6, "weight_bytes_Q4_0": 49e6, "weight_bytes_F32": 1e6, "cache_bytes": 1e6,
    "macs_per_token": 100e6, "threads": 1.0, "own_clock": 0.99,
}  # fmt: skip


def recorded(**more: Maybe[float]) -> Recording:
    plan = Plan(model="a.gguf", arms=(Arm.of(PREFILL), Arm.of(DECODE)), schedule=Schedule())
    gap = Missing("not here")
    ceilings = Ceilings(
        threads=1, macs_per_s={"fp32": 10e9, "int8": gap}, read_bytes_per_s=10e9, write_bytes_per_s=gap,
        copy_bytes_per_s=gap, streamed_bytes=gap, switch_ns=gap, page_fault_ns=gap,
    )  # fmt: skip
    none = {**COUNTS, "cache_bytes": 0.0, **more}
    return assemble(
        [HEADER, plan, ceilings, Census(arm=PREFILL, counts=none), Census(arm=DECODE, counts={**COUNTS, **more})]
    )


def test_perplexity_is_the_exponential_of_the_loss_and_none_of_random_tokens() -> None:
    whole = recorded(text_nats=2.0, text_tokens=255.0)
    found = known(generation(row(DECODE, 10.0), whole))
    assert found.perplexity == pytest.approx(math.exp(2.0))
    assert found.text_tokens == 255.0
    drawn = replace(whole, circumstances=(RandomTokens(source="a.gguf", reason="no tokenizer"),))
    assert isinstance(known(generation(row(DECODE, 10.0), drawn)).perplexity, Missing)
    assert isinstance(known(generation(row(DECODE, 10.0), recorded())).perplexity, Missing)


def row(arm: str, ms: float) -> ArmSummary:
    return ArmSummary(arm=arm, inferences=10, wall_ns=Estimate(value=ms * 1e6, low=ms * 0.5e6, high=ms * 2e6))


def known(found: Maybe[Generation]) -> Generation:
    assert not isinstance(found, Missing)
    return found


def test_decoding_reads_all_weights_and_the_cache_for_each_token() -> None:
    found = known(generation(row(DECODE, 10.0), recorded()))
    assert found.tokens_per_s == Estimate(value=100.0, low=50.0, high=200.0)
    assert found.bytes_per_token == 51e6
    share = found.reached[READING]
    assert is_known(share)
    assert share.value == pytest.approx(100 * 51e6 / 10e9)
    assert isinstance(found.first_token_ns, Missing)
    assert found.weight_bytes == {"Q4_0": 49e6, "F32": 1e6}


def test_prefill_reads_the_weights_once_for_all_of_its_tokens() -> None:
    found = known(generation(row(PREFILL, 500.0), recorded()))
    assert found.tokens_per_s == Estimate(value=200.0, low=100.0, high=400.0)
    assert found.bytes_per_token == 0.5e6
    assert found.macs_per_byte == 200.0
    assert is_known(found.first_token_ns)
    share = found.reached["fp32"]
    assert is_known(share)
    assert share.value == pytest.approx(200 * 100e6 / 10e9)
    assert "int8" not in found.reached


def test_ceilings_of_other_threads_are_no_ceilings_of_an_arm() -> None:
    by_one = recorded(threads=2.0)
    found = known(generation(row(DECODE, 10.0), by_one))
    why = "the ceilings of the machine were not measured by 2 threads, which no arm was requested with"
    assert found.reached == {READING: Missing(why)}
    by_two = replace(by_one.ceilings[0], threads=2, read_bytes_per_s=20e9)
    share = known(generation(row(DECODE, 10.0), replace(by_one, ceilings=(*by_one.ceilings, by_two)))).reached[READING]
    assert is_known(share)
    assert share.value == pytest.approx(100 * 51e6 / 20e9)


@pytest.mark.parametrize(
    ("budget_s", "why"),
    [
        (40.0, "a budget of 40 s is too short, and one of 60 s is enough"),
        (60.0, "the plan does not ask for them"),
        (None, "the plan does not ask for them"),
    ],
)
def test_ceilings_that_a_short_budget_left_out_are_missing_for_that_reason(budget_s: float | None, why: str) -> None:
    made = recorded()
    plan = replace(made.plan, ceilings=False, schedule=replace(made.plan.schedule, budget_s=budget_s))
    found = known(generation(row(DECODE, 10.0), replace(made, plans=(plan,), ceilings=())))
    assert found.reached == {READING: Missing(f"the ceilings of the machine were not measured: {why}")}


def test_ceilings_that_a_run_did_not_come_to_are_missing_for_that_reason() -> None:
    made = replace(recorded(), plans=(replace(recorded().plan, ceilings=True),), ceilings=())
    found = known(generation(row(DECODE, 10.0), made))
    why = "the ceilings of the machine were not measured: the run ended before, with 0 replicates"
    assert found.reached == {READING: Missing(why)}


def test_ceilings_by_further_threads_that_no_time_was_left_for_are_missing_for_that_reason() -> None:
    made = recorded(threads=2.0)
    arms = tuple(replace(arm, variant=arm.variant.with_level("threads", "2")) for arm in made.plan.arms)
    made = replace(made, plans=(replace(made.plan, ceilings=True, arms=arms),))
    found = known(generation(row(DECODE, 10.0), made))
    said = "the ceilings of the machine were not measured by 2 threads"
    assert found.reached == {READING: Missing(f"{said}: those by 1 took the time that the budget has for all")}


def test_unknown_bytes_stay_unknown() -> None:
    gap = Missing("a router chooses")
    found = known(generation(row(DECODE, 10.0), recorded(weight_bytes=gap)))
    assert found.bytes_per_token == gap
    assert found.reached[READING] == gap


def test_an_arm_without_a_phase_has_no_such_figures() -> None:
    plan = Plan(model="net", arms=(Arm.of("fp32"),), schedule=Schedule())
    assert isinstance(generation(row("fp32", 1.0), assemble([HEADER, plan])), Missing)


def gain(first: tuple[float, float], second: tuple[float, float]) -> GainByPhase:
    estimates = [Estimate(value=(low + high) / 2, low=low, high=high) for low, high in (first, second)]
    phases = Phase(kind=PhaseKind.PREFILL, tokens=8), Phase(kind=PhaseKind.DECODE, tokens=8)
    return GainByPhase(
        changed="b", control="a", phases=phases, gains=(estimates[0], estimates[1]), ratio=Missing("not needed")
    )


@pytest.mark.parametrize(
    ("first", "second", "turns"),
    [((1.2, 1.4), (0.7, 0.9), True), ((0.7, 0.9), (1.2, 1.4), True), ((1.2, 1.4), (0.9, 1.1), False)],
)
def test_a_gain_turns_where_both_sides_of_1_are_shown(
    first: tuple[float, float], second: tuple[float, float], turns: bool
) -> None:
    assert gain(first, second).turns is turns


def test_two_files_are_compared_within_each_phase() -> None:
    arms = in_phases((own_arm("a", "a.gguf"), own_arm("b", "b.gguf")))
    plan = Plan(model="a, b", arms=arms, schedule=Schedule())
    assert [(one.name, other.name) for one, other in plan.pairs()] == [
        ("a+phase=prefill:128", "b+phase=prefill:128"),
        ("a+phase=decode:32", "b+phase=decode:32"),
    ]


def test_a_phase_that_is_named_stays_alone() -> None:
    arms = in_phases((own_arm("a", "a.gguf+phase=decode:7"),))
    assert [str(arm.variant) for arm in arms] == ["given@llamacpp+phase=decode:7"]


def test_an_arm_without_a_phase_runs_in_those_that_others_name() -> None:
    arms = in_phases(tuple(own_arm(name, f"{name}.gguf{level}") for name, level in _NAMED_BY_TWO))
    assert [arm.name for arm in arms] == ["a", "c+phase=decode:7", "b", "c+phase=prefill:9"]
    plan = Plan(model="a, b, c", arms=arms, schedule=Schedule())
    assert [(one.name, other.name) for one, other in plan.pairs()] == [
        ("a", "c+phase=decode:7"),
        ("b", "c+phase=prefill:9"),
    ]


_NAMED_BY_TWO = (("a", "+phase=decode:7"), ("b", "+phase=prefill:9"), ("c", ""))


def test_arms_of_graphs_that_generate_no_text_have_no_phases(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no graph")
    for name in ("broken.onnx", "missing.onnx"):
        arms = in_phases((own_arm("a", str(tmp_path / name)),))
        assert [str(arm.variant) for arm in arms] == ["given@onnxruntime"]


def test_arms_without_phases_are_all_compared_with_the_first() -> None:
    plan = Plan(model="net", arms=tuple(map(Arm.of, ("fp32", "int8", "int8+fused"))), schedule=Schedule())
    assert [(one.name, other.name) for one, other in plan.pairs()] == [("fp32", "int8"), ("fp32", "int8+fused")]


@pytest.mark.parametrize("level", ["prefill:0", "decode:-1", "decode", "prefill:1e3", "prefill:9999999", "both:3"])
def test_other_levels_are_no_phases(level: str) -> None:
    assert isinstance(Phase.read(level), Missing)


@pytest.mark.parametrize("level", ["prefill:128", "decode:1"])
def test_a_phase_is_written_as_it_is_read(level: str) -> None:
    found = Phase.read(level)
    assert is_known(found)
    assert str(found) == level
    assert Variant.parse(f"given@llamacpp+phase={level}").level("phase") == level
