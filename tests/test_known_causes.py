"""The scripted meter states a cause; the whole pipeline must name it, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.arm import Arm
from ironlaw.causes import TESTED
from ironlaw.engines import PLAIN
from ironlaw.explanation import Outcome
from ironlaw.measure.scripted import ArmScript, Burden, Script
from ironlaw.missing import Maybe, Missing
from ironlaw.report.columns import arms_table
from ironlaw.report.document import to_document
from ironlaw.report.paragraph import paragraph
from ironlaw.report.verdicts import interaction_sentences
from ironlaw.variant import Variant

from .scripted import (
    COMPUTES_INT8,
    INT8,
    QUARTER,
    QUIET,
    SOUND,
    SOUND_CENSUS,
    burdened,
    confirmed,
    explained,
    own,
    stated,
)

# Cause -> the laws of control and changed arm, in which it is the only difference.
STATED: dict[str, tuple[ArmScript, ArmScript]] = {
    "train-mode": (
        burdened(Burden(factor="mode", level="eval", user_instructions=QUARTER, checks={"training": True})),
        SOUND,
    ),
    "autograd": (
        burdened(Burden(factor="grad", level="off", user_instructions=QUARTER, checks={"records_graph": True})),
        SOUND,
    ),
    "constant-input": (
        burdened(Burden(factor="input", level="random", user_instructions=-QUARTER, checks={"constant_input": True})),
        SOUND,
    ),
    "thread-oversubscription": (
        burdened(Burden(factor="threads", level="1", stall_cycles=QUARTER, census={"threads": 8.0})),
        SOUND,
    ),
    "page-faults": (
        burdened(Burden(factor="malloc", level="retain", kernel_instructions=QUARTER, page_faults=3000.0)),
        SOUND,
    ),
    "denormals": (
        burdened(Burden(factor="denormals", level="flushed", stall_cycles=QUARTER, census={"subnormal_share": 0.1})),
        SOUND,
    ),
    "quantized-engine": (
        burdened(
            # The level that suits a machine which is no x86.
            Burden(
                factor="quantized-engine",
                level="qnnpack",
                user_instructions=QUARTER,
                checks={"foreign_quantized_engine": True},
            ),
            law=COMPUTES_INT8,
        ),
        COMPUTES_INT8,
    ),
    "reference-kernel": (
        burdened(
            Burden(factor="convolution", level="dense", user_instructions=QUARTER, census={"sparse_convolutions": 3.0})
        ),
        SOUND,
    ),
    "dynamic-quantization": (
        burdened(
            Burden(
                factor="activation-ranges",
                level="fixed",
                user_instructions=QUARTER,
                census={"dynamic_operators": 12.0, "range_finders": 12.0},
            ),
            law=COMPUTES_INT8,
        ),
        COMPUTES_INT8,
    ),
    "half-widened": (
        burdened(Burden(factor="half", level="widened", user_instructions=QUARTER, census={"half_casts": 12.0})),
        replace(SOUND, census={**SOUND_CENSUS, "half_casts": 0.0}),
    ),
    "cast-per-call": (
        burdened(
            Burden(
                factor="casts",
                level="once",
                user_instructions=QUARTER,
                census={"weight_casts": 12.0, "weight_cast_bytes": 5e5},
            )
        ),
        replace(SOUND, census={**SOUND_CENSUS, "weight_cast_bytes": 0.0}),
    ),
    "recompilation": (
        burdened(Burden(factor="compilation", level="eager-on-recompile", user_instructions=QUARTER, compilations=1.0)),
        SOUND,
    ),
    "prepacking": (
        replace(SOUND, user_instructions=150e6),
        burdened(
            Burden(factor="inductor.prepacking", level="off", is_brought=True, user_instructions=QUARTER),
            law=replace(SOUND, census={**SOUND_CENSUS, "packed_products": 8.0}),
        ),
    ),
    "weight-decompression": (
        burdened(
            Burden(factor="accuracy-level", level="4", user_instructions=QUARTER, census={"widening_operators": 6.0})
        ),
        replace(SOUND, census={**SOUND_CENSUS, "widening_operators": 0.0}),
    ),
    "unfused-qdq": (
        burdened(
            Burden(factor="session.qdq", level="fused", user_instructions=QUARTER, census={"unfused_operators": 9.0})
        ),
        replace(SOUND, census={**SOUND_CENSUS, "unfused_operators": 0.0}),
    ),
    "fusion": (
        burdened(Burden(factor="fusion", level="fused", user_instructions=QUARTER, census={"norm_operators": 50.0})),
        SOUND,
    ),
    "weight-traffic": (
        burdened(Burden(factor="weights", level="aliased", stall_cycles=QUARTER)),
        replace(COMPUTES_INT8, size_bytes=SOUND.size_bytes // 4),
    ),
    "cache-fit": (
        replace(SOUND, user_instructions=150e6, size_bytes=4_000_000),
        burdened(Burden(factor="cache", level="cold", is_brought=True, stall_cycles=QUARTER)),
    ),
    "layout": (
        burdened(Burden(factor="layout", level="channels_last", user_instructions=QUARTER)),
        replace(SOUND, checks={**SOUND.checks, "channels_last": True}),
    ),
    "simd-density": (
        replace(SOUND, user_instructions=150e6),
        burdened(
            Burden(factor="isa", level="avx2", is_brought=True, user_instructions=QUARTER), law=COMPUTES_INT8
        ),
    ),
    "dispatch-overhead": (
        burdened(Burden(factor="dispatch", level="traced", user_instructions=QUARTER, census={"operators": 5000.0})),
        replace(SOUND, checks={**SOUND.checks, "scripted": True}),
    ),
}  # fmt: skip


# Of which the switch is another engine's than eager PyTorch.
ENGINES = {"half-widened": "onnxruntime", "weight-decompression": "onnxruntime", "unfused-qdq": "onnxruntime"}


def arms_of(cause: str) -> tuple[Arm, Arm]:
    """The arms in which a cause is stated. Pairs are fused unless a file's arm is asked for with them kept."""
    first, second = (own(name, ENGINES.get(cause, PLAIN)) for name in ("a", "b"))
    if cause == "prepacking":  # the compiler builds a package from a model; a given program stays as it is
        first, second = (replace(arm, variant=Variant.parse("fp32@compiled")) for arm in (first, second))
    if cause == "unfused-qdq":
        first, second = (replace(arm, variant=arm.variant.with_level("session.qdq", "kept")) for arm in (first, second))
    return first, second


def test_every_cause_that_has_an_experiment_is_stated_here() -> None:
    # The engine is a factor of variants, not a switch on a program: analysis/test_engine_and_precision states it.
    assert {*STATED, "engine"} == set(TESTED)


@pytest.mark.parametrize("cause", STATED)
def test_the_stated_cause_is_confirmed_and_no_other(cause: str) -> None:
    before, after = STATED[cause]
    (comparison,) = explained(arms_of(cause), stated(before, after)).comparisons
    assert confirmed(comparison) == {cause}


@pytest.mark.parametrize("cause", STATED)
def test_the_effect_of_the_stated_cause_is_measured(cause: str) -> None:
    before, after = STATED[cause]
    (comparison,) = explained(arms_of(cause), stated(before, after)).comparisons
    verdict = comparison.foremost()[cause]
    assert not isinstance(verdict.effect, Missing)
    # A quarter of 100e6 or 150e6 cycles, and 1.5 cycles an instruction in the kernel: 0.15 to 0.32 in ln.
    assert 0.13 < verdict.effect.value < 0.34


def test_what_a_compiler_does_is_tested_on_its_arm_alone_beside_one_that_python_runs() -> None:
    unfused = Burden(factor="inductor.fusion", level="off", is_brought=True, user_instructions=QUARTER)
    compiled = burdened(unfused, law=replace(SOUND, census={**SOUND_CENSUS, "fused_operators": 9.0}))
    script = Script(
        arms={"fp32": replace(SOUND, user_instructions=150e6), "fp32@compiled": compiled}, turn_noise=QUIET, seed=1
    )
    (comparison,) = explained((Arm.of("fp32"), Arm.of("fp32@compiled")), script).comparisons
    verdict = comparison.foremost()["fusion"]
    assert verdict.outcome is Outcome.CONFIRMED
    assert "fp32 was not switched: no compiler fuses its operators" in verdict.reason
    assert not isinstance(verdict.share, Missing)
    # ln(125 / 100) of ln(150 / 100).
    assert verdict.share.value == pytest.approx(0.223 / 0.405, abs=0.03)


def test_faults_of_an_arm_are_named_before_anything_else() -> None:
    before, after = STATED["train-mode"]
    explanation = explained((own("a"), own("b")), stated(before, after))
    first = explanation.concerns[0]
    assert (first.slug, first.arm) == ("train-mode", "a")
    assert "measured cost: a factor of 1.2" in first.text


def test_a_cause_beside_page_faults_is_found_with_the_allocator_held_still() -> None:
    faults = Burden(factor="malloc", level="retain", kernel_instructions=QUARTER, page_faults=3000.0)
    train = Burden(factor="mode", level="eval", user_instructions=QUARTER, checks={"training": True})
    script = stated(burdened(faults, train), SOUND)
    (comparison,) = explained((own("a"), own("b")), script).comparisons
    assert confirmed(comparison) == {"page-faults", "train-mode"}


def test_parts_and_the_unexplained_rest_add_up_to_the_difference() -> None:
    faults = Burden(factor="malloc", level="retain", kernel_instructions=QUARTER, page_faults=3000.0)
    script = stated(burdened(faults), replace(SOUND, user_instructions=60e6))
    (comparison,) = explained((own("a"), own("b")), script).comparisons
    shares = [one.share for one in comparison.causes if one.outcome is Outcome.CONFIRMED]
    assert not isinstance(comparison.unexplained_share, Missing)
    known = [share.value for share in shares if not isinstance(share, Missing)]
    assert sum(known) + comparison.unexplained_share.value == pytest.approx(1.0)
    # ln(137.5 / 60) = 0.829, of which the allocator is ln(137.5 / 100) = 0.318.
    assert known == [pytest.approx(0.318 / 0.829, abs=0.02)]


def test_a_difference_that_no_experiment_explains_stays_unexplained() -> None:
    script = stated(SOUND, replace(SOUND, user_instructions=60e6))
    (comparison,) = explained((own("a"), own("b")), script).comparisons
    assert confirmed(comparison) == set()
    assert not isinstance(comparison.unexplained_share, Missing)
    assert comparison.unexplained_share.value == pytest.approx(1.0)


def test_what_costs_both_arms_equally_is_no_cause_of_their_difference() -> None:
    cold = Burden(factor="cache", level="cold", is_brought=True, stall_cycles=5e6)
    script = stated(burdened(cold, law=replace(SOUND, user_instructions=150e6)), burdened(cold))
    (comparison,) = explained((own("a"), own("b")), script).comparisons
    (verdict,) = (one for one in comparison.causes if one.cause == "cache-fit")
    assert verdict.outcome is Outcome.REFUTED
    assert "both the same" in verdict.reason


def test_a_slower_arm_that_the_cold_costs_as_well_was_in_the_caches_too() -> None:
    def cold(stall_cycles: float) -> Burden:
        return Burden(factor="cache", level="cold", is_brought=True, stall_cycles=stall_cycles)

    slower = replace(SOUND, user_instructions=150e6, size_bytes=4_000_000)
    script = stated(burdened(cold(10e6), law=slower), burdened(cold(QUARTER)))
    (comparison,) = explained((own("a"), own("b")), script).comparisons
    (verdict,) = (one for one in comparison.causes if one.cause == "cache-fit")
    assert verdict.outcome is Outcome.UNDECIDED
    assert "in the caches as well" in verdict.reason


def test_arms_that_keep_as_much_in_the_caches_do_not_differ_by_their_fit_however_much_the_cold_costs_one() -> None:
    cold = Burden(factor="cache", level="cold", is_brought=True, stall_cycles=QUARTER)
    (comparison,) = explained(
        (own("a"), own("b")), stated(replace(SOUND, user_instructions=150e6), burdened(cold))
    ).comparisons
    (verdict,) = (one for one in comparison.causes if one.cause == "cache-fit")
    assert verdict.outcome is Outcome.UNDECIDED
    assert "both arms have the same amount of it" in verdict.reason


def test_what_both_arms_have_is_no_cause_even_where_it_costs_one_of_them_more() -> None:
    train = Burden(factor="mode", level="eval", user_instructions=QUARTER, checks={"training": True})
    little, much = (Burden(factor="layout", level="channels_last", user_instructions=size) for size in (5e6, 20e6))
    script = stated(burdened(train, much), burdened(little))
    (comparison,) = explained((own("a"), own("b")), script).comparisons
    assert confirmed(comparison) == {"train-mode"}
    (layout,) = (one for one in comparison.causes if one.cause == "layout")
    assert layout.outcome is Outcome.UNDECIDED
    assert "both arms have the same amount of it" in layout.reason


def test_an_arm_quantized_dynamically_has_the_layout_of_its_float_convolutions() -> None:
    layout = Burden(factor="layout", level="channels_last", user_instructions=QUARTER)
    dynamic = replace(SOUND, census={**INT8, "dynamic_operators": 3.0})
    (comparison,) = explained((own("a"), own("b")), stated(burdened(layout), burdened(layout, law=dynamic))).comparisons
    (verdict,) = (one for one in comparison.causes if one.cause == "layout")
    assert "left as it is" not in verdict.reason
    assert confirmed(comparison) == set()


def test_more_of_what_both_arms_have_is_a_cause() -> None:
    some, more = (
        Burden(factor="malloc", level="retain", kernel_instructions=faults * 1e4, page_faults=faults)
        for faults in (1000.0, 3000.0)
    )
    (comparison,) = explained((own("a"), own("b")), stated(burdened(more), burdened(some))).comparisons
    assert confirmed(comparison) == {"page-faults"}


def test_weights_that_aliasing_would_not_shrink_are_not_tested() -> None:
    small = replace(SOUND, size_bytes=100_000)
    (comparison,) = explained((own("a"), own("b")), stated(small, small)).comparisons
    assert "weight-traffic" not in {one.cause for one in comparison.causes}


def test_layers_that_cannot_be_given_their_ranges_are_consistent_with_a_slow_arm_and_no_more() -> None:
    # An LSTM among them: what the experiment would leave in, it would not count.
    dynamic: dict[str, Maybe[float]] = {**INT8, "dynamic_operators": 12.0, "range_finders": 11.0, "float_share": 0.2}
    script = stated(SOUND, replace(SOUND, census=dynamic, user_instructions=130e6))
    (comparison,) = explained((own("a"), own("b")), script).comparisons
    outcomes = {one.cause: one.outcome for one in comparison.causes}
    assert outcomes["dynamic-quantization"] is Outcome.CONSISTENT


def test_an_arm_is_not_slow_by_dynamic_quantization_when_ranges_given_beforehand_leave_it_as_slow() -> None:
    dynamic: dict[str, Maybe[float]] = {**INT8, "dynamic_operators": 12.0, "range_finders": 12.0}
    script = stated(SOUND, replace(SOUND, census=dynamic, user_instructions=130e6))
    (comparison,) = explained((own("a"), own("b")), script).comparisons
    (verdict,) = (one for one in comparison.causes if one.cause == "dynamic-quantization")
    assert verdict.outcome is Outcome.REFUTED
    assert "a was not switched: it finds no ranges at each call" in verdict.reason
    assert confirmed(comparison) == set()


def test_two_arms_that_find_as_many_ranges_do_not_differ_by_it() -> None:
    little, much = (
        Burden(
            factor="activation-ranges",
            level="fixed",
            user_instructions=size,
            census={"dynamic_operators": 12.0, "range_finders": 12.0},
        )
        for size in (5e6, QUARTER)
    )
    script = stated(burdened(much, law=COMPUTES_INT8), burdened(little, law=COMPUTES_INT8))
    (comparison,) = explained((own("a"), own("b")), script).comparisons
    assert "dynamic-quantization" not in confirmed(comparison)


def test_two_variants_give_fusion_its_part_by_the_factorial() -> None:
    script = Script(
        arms={
            "fp32": SOUND,
            "fp32+fused": replace(SOUND, user_instructions=90e6),
            "int8": replace(COMPUTES_INT8, user_instructions=50e6),
            "int8+fused": replace(COMPUTES_INT8, user_instructions=40e6),
        },
        turn_noise=QUIET,
        seed=2,  # with 0 the control moves by noise
    )
    arms = tuple(Arm.of(name) for name in script.arms)
    comparison = explained(arms, script).comparisons[-1]
    (fusion,) = (one for one in comparison.causes if one.cause == "fusion")
    assert fusion.outcome is Outcome.CONFIRMED
    assert not isinstance(fusion.effect, Missing)
    # The mean of ln(100/90) = 0.105 and ln(50/40) = 0.223.
    assert fusion.effect.value == pytest.approx(0.164, abs=0.01)
    # Fusing gains 0.223 in int8 and 0.105 in fp32.
    (extra,) = comparison.interaction.values()
    assert extra.value == pytest.approx(0.118, abs=0.01)
    assert interaction_sentences(comparison)[0].startswith("Precision and fusion together gain more")


def test_nothing_is_confirmed_for_an_arm_that_answers_otherwise() -> None:
    """The same cause, as clear as above, between arms that do not compute the same."""
    before, after = STATED["train-mode"]
    script = stated(before, replace(after, answer_noise=0.8))
    explanation = explained((own("a"), own("b")), script)
    (comparison,) = explanation.comparisons
    assert confirmed(comparison) == set()
    assert "b gives different outputs: nothing is confirmed for it" in {one.reason for one in comparison.causes}
    said = paragraph(comparison, explanation).replace("\N{NO-BREAK SPACE}", " ")
    assert "Invalid comparison: b gives different outputs: output 0 differs by" in said.partition(" is ")[0]
    (row,) = (one for one in arms_table(explanation).rows if one.name == "b")
    assert row.remark == "gives different outputs"
    assert isinstance(explanation.recommendation, Missing) or explanation.recommendation.arm != "b"
    arm = next(one for one in to_document(explanation)["arms"] if one["arm"] == "b")
    assert "gives different outputs" in arm["answers"]["otherwise"]
    assert arm["answers"]["by_input_shape"][0]["relative_error"] == pytest.approx(0.8, abs=0.1)


def test_an_arm_that_is_less_precise_than_asked_says_so_first_and_its_causes_are_judged() -> None:
    before, after = STATED["train-mode"]
    explanation = explained((own("a"), own("b")), stated(before, replace(after, answer_noise=0.2)))
    (comparison,) = explanation.comparisons
    assert confirmed(comparison) == {"train-mode"}
    assert "b gives different outputs: " in paragraph(comparison, explanation)
