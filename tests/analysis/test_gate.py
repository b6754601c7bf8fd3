"""The gate: what fails, what does not, how often two recordings of the same thing do, and what a gap is."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.gate import Side, check_comparable, judge_rules, side_of
from ironlaw.analysis.statistics.interval import rank_interval, t_interval
from ironlaw.errors import BadInput
from ironlaw.estimate import Estimate
from ironlaw.explanation import ArmSummary, CauseVerdict, Comparison, Difference, Explanation, Outcome
from ironlaw.gate import Gate, Quantity, Rule, Ruling
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.plan import Plan, Schedule
from ironlaw.report.gate import broken_sentence
from tests.analysis.stated import SPLIT_GROUP, Law, Noise, arms, recording
from tests.analysis.test_points import varied_recording

TIME = Rule.parse("time>+3%")
NOT_COUNTED = Missing("this machine exposes no PMU")


def comparison(ratios: list[float], changed: str, **known: Any) -> Comparison:
    return Comparison(
        control="fp32",
        changed=changed,
        difference=Difference.FASTER,
        ln_ratio=t_interval(ratios),
        rank=rank_interval(ratios),
        replicates=tuple(ratios),
        **known,
    )


def side(ratios: dict[str, list[float]], *, check: list[float] | None = None, **known: Any) -> Side:
    """Arms of which ln(control/changed) read so in each replicate; the control against itself likewise."""
    names = ["fp32", *ratios]
    control_check: Maybe[Comparison] = Missing("none ran") if check is None else comparison(check, "fp32 (again)")
    return Side(
        explanation=Explanation(
            machine=Machine(architecture="x86_64", cpu="stated"),
            plan=Plan(model="stated", arms=arms(names, control=True), schedule=Schedule()),
            arms=tuple(ArmSummary(arm=name, inferences=1, wall_ns=Missing("not needed")) for name in names),
            comparisons=tuple(comparison(values, name, **known) for name, values in ratios.items()),
            concerns=(),
            control_check=control_check,
        ),
        ln_instructions=dict.fromkeys(names, NOT_COUNTED),
    )


def ruling(gate: Gate, arm: str = "int8") -> Ruling:
    return next(judgement.ruling for judgement in gate.judgements if judgement.arm == arm)


def change(gate: Gate) -> Estimate:
    [judgement] = gate.judgements
    assert is_known(judgement.change_ln)
    return judgement.change_ln


FAST = [0.69, 0.70, 0.71, 0.70, 0.69, 0.71, 0.70, 0.70]
SLOWER = [value - 0.10 for value in FAST]  # the arm takes e^0.10 = 1.105 times as long against the same control


@pytest.mark.parametrize(
    ("text", "quantity", "limit", "cause"),
    [
        ("time>+3%", Quantity.TIME, math.log(1.03), ""),
        ("time > 3 %", Quantity.TIME, math.log(1.03), ""),
        ("instructions>+0.5%", Quantity.INSTRUCTIONS, math.log(1.005), ""),
        ("time>-30%", Quantity.TIME, math.log(0.7), ""),
        ("cause:page-faults", Quantity.CAUSE, 0.0, "page-faults"),
    ],
)
def test_rule_is_read_as_written(text: str, quantity: Quantity, limit: float, cause: str) -> None:
    rule = Rule.parse(text)
    assert (rule.quantity, rule.cause) == (quantity, cause)
    assert rule.limit_ln == pytest.approx(limit)


@pytest.mark.parametrize("text", ["", "time", "time<3%", "ipc>3%", "time>3", "time>-100%", "cause:", "cause:a b"])
def test_what_is_no_rule_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        Rule.parse(text)
    assert "time>+3%" in caught.value.hint


def test_slower_arm_breaks_the_rule_on_time() -> None:
    gate = judge_rules(side({"int8": FAST}), side({"int8": SLOWER}), [TIME])
    assert ruling(gate) is Ruling.BROKEN
    assert change(gate).value == pytest.approx(0.10)


def test_faster_arm_holds_it() -> None:
    assert ruling(judge_rules(side({"int8": SLOWER}), side({"int8": FAST}), [TIME])) is Ruling.HELD


def test_wide_interval_is_open_and_does_not_fail() -> None:
    wide = [value + offset for value, offset in zip(SLOWER, (0.3, -0.3) * 4, strict=True)]
    gate = judge_rules(side({"int8": FAST}), side({"int8": wide}), [TIME])
    assert ruling(gate) is Ruling.OPEN
    assert not gate.has(Ruling.BROKEN)


def test_change_of_both_sides_is_the_same_with_the_sign_turned() -> None:
    there = change(judge_rules(side({"int8": FAST}), side({"int8": SLOWER}), [TIME]))
    back = change(judge_rules(side({"int8": SLOWER}), side({"int8": FAST}), [TIME]))
    assert (back.low, back.value, back.high) == pytest.approx((-there.high, -there.value, -there.low))


def test_control_that_moved_widens_the_interval_by_the_far_end_of_its_own() -> None:
    moved = [0.05, 0.06, 0.05, 0.06, 0.05, 0.06, 0.05, 0.06]
    still = change(judge_rules(None, side({"int8": FAST}), [TIME]))
    wider = change(judge_rules(None, side({"int8": FAST}, check=moved), [TIME]))
    far = 0.055 + 2.364624 * 0.005345225 / 8**0.5  # mean, t quantile of 7 degrees of freedom, standard deviation
    assert still.low - wider.low == pytest.approx(far, rel=1e-6)
    assert wider.high - still.high == pytest.approx(far, rel=1e-6)


def test_more_judgements_make_each_more_cautious() -> None:
    one = change(judge_rules(None, side({"int8": FAST}), [TIME]))
    gate = judge_rules(None, side({"int8": FAST, "int8+fused": FAST}), [TIME, Rule.parse("time>+5%")])
    widest = gate.judgements[0].change_ln
    assert is_known(widest)
    assert widest.half_width > one.half_width
    assert gate.confidence == pytest.approx(1 - 0.05 / 4)


def test_without_an_old_recording_the_control_is_the_measure() -> None:
    gate = judge_rules(None, side({"int8": FAST}), [Rule.parse("time>-30%")])
    assert ruling(gate) is Ruling.HELD  # e^-0.7 is 50 % less time
    assert ruling(judge_rules(None, side({"int8": FAST}), [Rule.parse("time>-60%")])) is Ruling.BROKEN


def test_gap_is_not_a_pass() -> None:
    failed = side({"int8": [0.7]})
    gate = judge_rules(side({"int8": FAST}), failed, [TIME])
    assert ruling(gate) is Ruling.UNKNOWN
    assert isinstance(gate.judgements[0].change_ln, Missing)


def test_arm_that_has_ended_is_not_a_pass() -> None:
    gate = judge_rules(side({"int8": FAST, "int8+fused": FAST}), side({"int8": FAST}), [TIME])
    assert ruling(gate, "int8+fused") is Ruling.UNKNOWN
    assert "int8+fused is not in the new recording" in gate.judgements[1].reason


def test_unknown_arm_is_refused_with_the_closest() -> None:
    with pytest.raises(BadInput) as caught:
        judge_rules(side({"int8": FAST}), side({"int8": FAST}), [TIME], arm="int9")
    assert "int8" in caught.value.hint


@pytest.mark.parametrize("limit", ["time>+0%", "time>+1%"])
def test_two_recordings_of_the_same_thing_fail_at_no_more_than_the_stated_rate(limit: str) -> None:
    """2000 pairs of recordings of two arms of the same truth; the sides are of unequal noise and size.

    A limit of 0 is the hardest case. Three standard errors of 2000 draws at 2.5 % are 1.05 %.
    """
    dice = np.random.default_rng(7)
    rules = [Rule.parse(limit)]
    failed = 0
    for _ in range(2000):
        truth = dice.normal(0.7, 0.3, size=2)
        old, new = (
            side({name: list(dice.normal(mean, noise, size)) for name, mean in zip(("a", "b"), truth, strict=True)})
            for noise, size in ((0.01, 8), (0.04, 6))
        )
        failed += judge_rules(old, new, rules).has(Ruling.BROKEN)
    assert failed / 2000 <= 0.025 + 0.0105


def test_slow_down_well_beyond_the_noise_is_seen() -> None:
    dice = np.random.default_rng(8)
    seen = sum(
        judge_rules(
            side({"int8": list(dice.normal(0.7, 0.02, 8))}), side({"int8": list(dice.normal(0.6, 0.02, 8))}), [TIME]
        ).has(Ruling.BROKEN)
        for _ in range(200)
    )
    assert seen >= 190


NOISE = Noise(shared=0.03, own=0.005, rounds=0.01)


def stated(seed: int = 1, groups: tuple[tuple[str, ...], ...] = (SPLIT_GROUP,), **law: Any) -> Side:
    fact = recording({"fp32": Law(), "int8": Law(instructions=10e6, **law)}, NOISE, seed=seed, groups=groups)
    return side_of(fact, explain(fact))


def test_instructions_are_judged_by_their_own_count_and_not_by_the_clock() -> None:
    rules = [Rule.parse("instructions>+1%")]
    more = replace(stated(seed=2), ln_instructions={"fp32": t_interval([16.0] * 3), "int8": t_interval([17.0] * 3)})
    less = replace(stated(seed=2), ln_instructions={"fp32": t_interval([16.0] * 3), "int8": t_interval([16.9] * 3)})
    assert ruling(judge_rules(less, more, rules)) is Ruling.BROKEN
    assert change(judge_rules(less, more, rules)).value == pytest.approx(0.1)
    assert ruling(judge_rules(more, less, rules)) is Ruling.HELD
    # Twice the cycles for the same work: the clock sees it, the count of instructions does not.
    assert ruling(judge_rules(stated(), stated(seed=2, cpi=1.0), rules)) is Ruling.HELD
    assert ruling(judge_rules(stated(), stated(seed=2, cpi=1.0), [TIME])) is Ruling.BROKEN


def test_instructions_that_were_not_counted_are_unknown_and_say_why() -> None:
    gate = judge_rules(stated(), stated(groups=()), [Rule.parse("instructions>+1%")])
    assert ruling(gate) is Ruling.UNKNOWN
    assert gate.judgements[0].reason == "instructions were not counted: this machine exposes no PMU"


def test_slow_down_of_everything_does_not_show_but_by_the_raw_clock() -> None:
    """The whole machine runs at half its clock: relative to the control nothing changed."""
    slow = recording({"fp32": Law(ghz=1.5), "int8": Law(instructions=10e6, ghz=1.5)}, NOISE, seed=2)
    new = side_of(slow, explain(slow))
    assert not judge_rules(stated(), new, [TIME]).has(Ruling.BROKEN)
    by_clock = judge_rules(stated(), new, [TIME], raw_clock=True)
    assert [item.ruling for item in by_clock.judgements] == [Ruling.BROKEN, Ruling.BROKEN]


def fault(effect: float, outcome: Outcome = Outcome.CONFIRMED) -> CauseVerdict:
    estimate = Estimate(value=effect, low=effect - 0.02, high=effect + 0.02)
    return CauseVerdict(cause="page-faults", outcome=outcome, control="fp32", changed="x", effect=estimate)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ((fault(0.4),), (fault(0.4),), Ruling.OPEN),
        ((fault(0.4),), (fault(0.1),), Ruling.BROKEN),
        ((fault(0.0, Outcome.REFUTED),), (fault(0.3),), Ruling.BROKEN),
        ((fault(0.0, Outcome.UNDECIDED),), (fault(0.03),), Ruling.OPEN),
    ],
)
def test_cause_breaks_its_rule_when_its_part_changed(
    old: tuple[CauseVerdict, ...], new: tuple[CauseVerdict, ...], expected: Ruling
) -> None:
    before, after = (side({"int8": FAST}, causes=causes) for causes in (old, new))
    assert ruling(judge_rules(before, after, [Rule.parse("cause:page-faults")])) is expected


OTHER = CauseVerdict(cause="fusion", outcome=Outcome.REFUTED)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ((OTHER,), (fault(0.4), OTHER), Ruling.BROKEN),
        ((OTHER, fault(0.4)), (OTHER,), Ruling.BROKEN),
        ((OTHER,), (fault(0.01, Outcome.UNDECIDED), OTHER), Ruling.HELD),
        ((OTHER,), (OTHER,), Ruling.HELD),
        ((), (fault(0.4),), Ruling.UNKNOWN),
        ((), (), Ruling.UNKNOWN),
    ],
)
def test_cause_that_came_or_went_breaks_it_and_untested_ones_are_unknown(
    old: tuple[CauseVerdict, ...], new: tuple[CauseVerdict, ...], expected: Ruling
) -> None:
    before, after = (side({"int8": FAST}, causes=causes) for causes in (old, new))
    assert ruling(judge_rules(before, after, [Rule.parse("cause:page-faults")])) is expected


def test_recordings_of_different_machines_are_refused() -> None:
    one = recording({"fp32": Law(), "int8": Law()})
    assert is_known(one.machine)
    other = replace(one, machine=replace(one.machine, cpu="another"))
    check_comparable(one, one)
    with pytest.raises(BadInput, match="made on different machines: stated and another"):
        check_comparable(one, other)
    with pytest.raises(BadInput, match="new recording does not name its machine: was not read"):
        check_comparable(one, replace(one, machine=Missing("was not read")))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"threads": 2}, "different numbers of threads: 1 and 2"),
        ({"batch": 8}, "different batches: 1 and 8"),
        ({"model": "resnet18"}, "different models: .* and resnet18"),
    ],
)
def test_recordings_of_different_things_are_refused(changed: dict[str, Any], said: str) -> None:
    one = recording({"fp32": Law(), "int8": Law()})
    with pytest.raises(BadInput, match=said):
        check_comparable(one, replace(one, plans=(replace(one.plan, **changed),)))


def test_rule_about_a_cause_that_nothing_can_confirm_is_refused() -> None:
    with pytest.raises(BadInput, match="no experiment can confirm the cause 'address-translation'"):
        judge_rules(None, side({"int8": FAST}), [Rule.parse("cause:address-translation")])


def test_no_rule_is_refused() -> None:
    with pytest.raises(BadInput, match="there is no rule"):
        judge_rules(None, side({"int8": FAST}), [])


def test_each_arm_of_a_varied_recording_is_judged_against_the_control_of_its_own_point() -> None:
    varied = varied_recording({"1": 0.5, "4": 1.5})
    found = judge_rules(
        None, side_of(varied, explain(varied)), [Rule.parse("time>+3%"), Rule.parse("instructions>+3%")]
    )
    assert found.has_several_controls
    assert [(item.rule.text, item.arm, item.ruling) for item in found.judgements] == [
        ("time>+3%", "int8 batch=1", Ruling.HELD),
        ("time>+3%", "int8 batch=4", Ruling.BROKEN),
        ("instructions>+3%", "int8 batch=1", Ruling.HELD),
        ("instructions>+3%", "int8 batch=4", Ruling.BROKEN),
    ]


def test_varied_recordings_are_compared_point_by_point() -> None:
    old, new = (varied_recording({"1": 0.5, "4": times}) for times in (0.5, 0.8))
    found = judge_rules(side_of(old, explain(old)), side_of(new, explain(new)), [Rule.parse("time>+3%")])
    assert [item.ruling for item in found.judgements] == [Ruling.HELD, Ruling.BROKEN]
    sentence = broken_sentence(found, found.judgements[1])
    assert sentence.endswith("relative to its own control, against the old recording")


def test_a_control_that_moved_at_one_point_widens_no_interval_of_another() -> None:
    varied = varied_recording({"1": 0.5, "4": 0.5})
    found = side_of(varied, explain(varied))
    assert is_known(found.explanation.varied)
    first, second = found.explanation.varied.points
    moved = replace(first, explanation=replace(first.explanation, control_check=comparison([0.1, 0.1, 0.11], "again")))
    points = replace(found.explanation.varied, points=(moved, second))
    doubtful = replace(found, explanation=replace(found.explanation, varied=points))
    assert doubtful.control_moved_by("int8 batch=1") > 0
    assert doubtful.control_moved_by("int8 batch=4") == 0
