"""From a recording to an explanation, end to end."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

import ironlaw
from ironlaw.analysis.assemble import explain
from ironlaw.analysis.brief import briefly
from ironlaw.answer import Answer
from ironlaw.concern import Weight
from ironlaw.errors import BadInput
from ironlaw.explanation import Difference
from ironlaw.fact import Failure
from ironlaw.missing import Missing, is_known
from ironlaw.recording import Recording
from ironlaw.report.doubts import control_sentence

from .stated import Law, Noise, recording

FP32, INT8 = Law(), Law(instructions=10e6)  # 11e6 and 6e6 cycles at 3 GHz


def slugs(recording: Recording) -> set[str]:
    return {concern.slug for concern in explain(recording).concerns}


def test_a_stated_speed_up_is_found_to_the_last_digit_without_noise() -> None:
    explanation = explain(recording({"fp32": FP32, "int8": INT8}, inferences=3000))
    (comparison,) = explanation.comparisons
    assert is_known(comparison.ln_ratio)
    assert comparison.ln_ratio.value == pytest.approx(math.log(11 / 6), rel=1e-9)
    assert comparison.difference is Difference.FASTER
    assert [arm.arm for arm in explanation.arms] == ["fp32", "int8", "fp32 (again)"]
    assert is_known(explanation.arms[0].wall_ns)
    assert explanation.arms[0].wall_ns.value == pytest.approx(11e6 / 3, rel=1e-9)


def test_explaining_works_through_the_package_twice_over() -> None:
    fact = recording({"fp32": FP32, "int8": INT8})
    assert ironlaw.explain(fact) == ironlaw.explain(fact) == Answer.of(explain(fact))


def test_swapped_arms_negate_the_difference() -> None:
    fact = recording({"fp32": FP32, "int8": INT8}, Noise(shared=0.05, own=0.02, rounds=0.02))
    (forth,) = explain(fact, control="fp32", changed="int8").comparisons
    (back,) = explain(fact, control="int8", changed="fp32").comparisons
    assert is_known(forth.ln_ratio)
    assert is_known(back.ln_ratio)
    assert back.ln_ratio.value == pytest.approx(-forth.ln_ratio.value, rel=1e-12)
    assert back.ln_ratio.low == pytest.approx(-forth.ln_ratio.high, rel=1e-12)
    assert (forth.difference, back.difference) == (Difference.FASTER, Difference.SLOWER)


def with_control_moved(fact: Recording, percent: int) -> Recording:
    return replace(
        fact,
        readings=tuple(
            replace(one, wall_ns=one.wall_ns * (100 + percent) // 100) if one.arm.endswith("(again)") else one
            for one in fact.readings
        ),
    )


@pytest.mark.parametrize("changed", [INT8, Law(instructions=1e6)])
def test_a_control_that_moves_makes_every_difference_unproven(changed: Law) -> None:
    # By 7 %: more than a tenth of the first difference, and more than is ever excused beside the second.
    fact = with_control_moved(recording({"fp32": FP32, "int8": changed}), 7)
    explanation = explain(fact)
    assert [comparison.difference for comparison in explanation.comparisons] == [Difference.UNPROVEN]
    assert [one.difference for one in briefly(fact).comparisons] == [Difference.UNPROVEN]
    assert isinstance(explanation.recommendation, Missing)
    assert "the control differs from itself" in explanation.recommendation.reason
    (doubt,) = [concern for concern in explanation.concerns if concern.slug == "control-moved"]
    assert doubt.weight is Weight.INVALIDATES
    assert "every difference of this recording is unproven" in doubt.text


def test_a_control_that_moves_by_a_tenth_of_a_difference_leaves_that_one_proven_and_smaller_ones_not() -> None:
    close = Law(instructions=18e6)  # 10e6 cycles, where the control has 11e6
    fact = with_control_moved(recording({"fp32": FP32, "int8": INT8, "close": close}), 3)
    explanation = explain(fact)
    found = {comparison.changed: comparison.difference for comparison in explanation.comparisons}
    assert found == {"int8": Difference.FASTER, "close": Difference.UNPROVEN}
    assert {one.changed: one.difference for one in briefly(fact).comparisons} == found
    (doubt,) = [concern for concern in explanation.concerns if concern.slug == "control-moved"]
    assert doubt.weight is Weight.DOUBTS
    assert "differences and effects below 34 % are unproven" in doubt.text
    assert "only differences of ten times as much are proven" in control_sentence(explanation)


def test_a_control_that_moves_by_less_than_would_matter_has_not_moved() -> None:
    fact = recording({"fp32": FP32, "int8": INT8}, inferences=100)
    moved = tuple(
        replace(one, wall_ns=one.wall_ns * 1001 // 1000) if one.arm.endswith("(again)") else one
        for one in fact.readings
    )
    explanation = explain(replace(fact, readings=moved))
    assert is_known(explanation.control_check)
    assert is_known(explanation.control_check.ln_ratio)
    assert explanation.control_check.ln_ratio.excludes(0.0)
    assert explanation.control_check.difference is Difference.NONE_SHOWN
    assert [comparison.difference for comparison in explanation.comparisons] == [Difference.FASTER]


def test_one_replicate_gives_values_and_no_interval() -> None:
    fact = recording({"fp32": FP32, "int8": INT8}, replicates=1, ended=None)
    explanation = explain(fact)
    (comparison,) = explanation.comparisons
    assert not is_known(comparison.ln_ratio)
    assert is_known(comparison.once)
    assert comparison.once.ln_ratio == pytest.approx(math.log(11 / 6), rel=1e-6)
    assert comparison.difference is Difference.UNPROVEN
    assert not is_known(explanation.arms[0].wall_ns)
    assert explanation.arms[0].wall_ns_once == pytest.approx(11e6 / 3, rel=1e-6)
    assert {"cut-recording", "few-replicates"} <= slugs(fact)


def test_an_arm_that_never_ran_still_has_its_row_and_its_reason() -> None:
    fact = recording({"fp32": FP32, "int8": INT8})
    without = tuple(one for one in fact.readings if one.arm != "int8")
    failure = Failure(arm="int8", replicate=-1, stage="prepare", reason="no kernel for add", hint="use fp32")
    explanation = explain(replace(fact, readings=without, failures=(failure,)))
    assert explanation.arms[1].failure == "prepare: no kernel for add"
    assert not is_known(explanation.arms[1].wall_ns)
    assert isinstance(explanation.comparisons[0].ln_ratio, Missing)
    assert explanation.comparisons[0].ln_ratio.reason == "int8 failed (prepare)"
    with_reason = [(one.slug, one.arm) for one in explanation.concerns if "no kernel for add" in one.text]
    assert with_reason == [("arm-failed", "int8")]


def test_a_recording_without_any_turn_is_a_table_of_gaps() -> None:
    explanation = explain(replace(recording({"fp32": FP32, "int8": INT8}), readings=(), was_cut=True))
    assert [is_known(arm.wall_ns) for arm in explanation.arms] == [False, False, False]


def test_an_arm_that_joined_later_is_compared_on_the_rounds_it_shares() -> None:
    fact = recording({"fp32": FP32, "int8": INT8}, Noise(shared=0.2))
    late = tuple(one for one in fact.readings if one.arm != "int8" or one.replicate >= 4)
    (comparison,) = explain(replace(fact, readings=late)).comparisons
    assert len(comparison.replicates) == 4
    assert comparison.replicates == pytest.approx([math.log(11 / 6)] * 4, rel=1e-6)


def test_a_replicate_cut_before_half_of_its_rounds_is_left_out_and_named() -> None:
    fact = recording({"fp32": FP32, "int8": INT8}, replicates=6)
    cut = tuple(one for one in fact.readings if one.replicate < 5 or one.round < 2)
    explanation = explain(replace(fact, readings=cut))
    assert len(explanation.comparisons[0].replicates) == 5
    assert "cut-replicate" in {concern.slug for concern in explanation.concerns}


def test_an_unknown_arm_is_bad_input_with_the_closest_name() -> None:
    with pytest.raises(BadInput, match="int9") as caught:
        explain(recording({"fp32": FP32, "int8": INT8}), changed="int9")
    assert "int8" in caught.value.hint


def test_a_quiet_whole_recording_raises_no_doubt() -> None:
    assert slugs(recording({"fp32": FP32, "int8": INT8})) == set()


def test_without_a_pmu_the_loss_is_named() -> None:
    assert "lost-counter" in slugs(recording({"fp32": FP32, "int8": INT8}, groups=()))


def test_an_ipc_that_falls_without_a_shown_difference_misleads_no_reader() -> None:
    lower_ipc = Law(instructions=10e6, cpi=1.0)  # half of the instructions at twice the CPI: the same time
    noise = Noise(own=0.05, rounds=0.01)
    (comparison,) = explain(recording({"fp32": Law(), "other": lower_ipc}, noise, seed=3)).comparisons
    assert comparison.difference is Difference.NONE_SHOWN
    assert comparison.misleading == ()
    (faster,) = explain(recording({"fp32": Law(), "other": replace(lower_ipc, instructions=8e6)}, noise)).comparisons
    assert faster.misleading == ("ipc-lower-while-faster",)
