"""Parts in time, and shares: opposed effects have none, and a comparison is no cause of itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.verdicts.in_time import in_time
from ironlaw.arm import Arm
from ironlaw.estimate import Estimate
from ironlaw.explanation import ITSELF, NOT_TOGETHER, OPPOSED, CauseVerdict, Comparison, Outcome
from ironlaw.measure.scripted import ArmScript, Script
from ironlaw.missing import Missing, is_known
from ironlaw.report.figures.comparisons import cause_steps
from ironlaw.report.paragraph import paragraph
from ironlaw.report.verdicts import shares_sentence, unexplained_sentence
from tests.report import explanations
from tests.scripted import SOUND, recorded


def near(value: float, half: float = 0.02) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half)


def shared(*values: float) -> Comparison:
    """fp32 of 29 ms against an arm of 10.7 ms, with these shares of causes; the last is of what is left."""
    given = explanations.with_pmu()
    causes = tuple(
        replace(explanations.PAGE_FAULTS, cause=cause, share=near(value))
        for cause, value in zip(("engine", "fusion"), values[:-1], strict=False)
    )
    comparison = replace(given.comparisons[2], causes=causes, unexplained_share=near(values[-1]))
    return in_time(comparison, {row.arm: row for row in given.arms})


def test_parts_in_time_add_up_to_the_difference() -> None:
    comparison = shared(0.5, 0.3, 0.2)
    saved = [verdict.saved_ns for verdict in comparison.causes]
    assert all(is_known(one) for one in [*saved, comparison.unexplained_ns])
    assert sum(one for one in [*saved, comparison.unexplained_ns] if is_known(one)) == pytest.approx(18.3e6, rel=1e-3)
    assert all(is_known(verdict.share) for verdict in comparison.causes)


@pytest.mark.parametrize("values", [(4.6, -3.6), (1.2, -0.2), (-0.3, 1.3), (0.9, 0.8, -0.7), (0.6, -0.4, 0.8)])
def test_effects_that_oppose_each_other_are_given_in_ms_and_not_as_shares(values: tuple[float, ...]) -> None:
    comparison = shared(*values)
    assert {verdict.share for verdict in comparison.causes} == {OPPOSED}
    assert comparison.unexplained_share == OPPOSED
    said = shares_sentence(comparison)
    assert said.startswith("Effects oppose each other. The engine")
    assert "%" not in said + unexplained_sentence(comparison)
    for verdict, value in zip(comparison.causes, values, strict=False):
        assert isinstance(verdict.saved_interval_ns, Estimate)
        assert verdict.saved_interval_ns.value == pytest.approx(value * 18.3e6, rel=1e-3)
    assert said.count("saves") == sum(value > 0 for value in values)
    assert said.count("costs") == sum(value < 0 for value in values)


def test_a_confirmed_cause_without_a_share_is_named_and_its_part_is_said_to_be_unexplained() -> None:
    given = shared(0.5, 0.5)
    apart = replace(explanations.PAGE_FAULTS, cause="weight-traffic", effect=explanations.ln(2.0), share=NOT_TOGETHER)
    comparison = replace(given, causes=(*given.causes, apart))
    said = shares_sentence(comparison)
    assert said.startswith("The engine: 50.0")
    assert "Weight traffic (a factor of 2" in said
    assert "is confirmed too, but not measured together with the others: its part is within what is" in said
    assert said in paragraph(comparison, explanations.with_pmu())
    assert cause_steps(comparison)[-1].label == "unexplained, or without a share"
    assert cause_steps(given)[-1].label == "unexplained"
    two = replace(comparison, causes=(*comparison.causes, replace(apart, cause="denormals")))
    assert "are confirmed too" in shares_sentence(two)
    unknown = replace(comparison, unexplained=Missing("they overlap"))
    assert shares_sentence(unknown).endswith("is confirmed; its part is not known.")


def test_of_a_loss_a_positive_share_costs() -> None:
    given = explanations.with_pmu()
    rows = {row.arm: row for row in given.arms}
    was = given.comparisons[2]
    rows[was.control], rows[was.changed] = rows[was.changed], rows[was.control]
    verdict = replace(explanations.PAGE_FAULTS, share=near(1.5))
    said = shares_sentence(in_time(replace(was, causes=(verdict,), unexplained_share=near(-0.5)), rows))
    assert "Page faults: costs 27" in said
    assert "Unexplained: saves 9" in said


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=3))
def test_no_share_lies_below_nothing_or_above_the_whole(values: list[float]) -> None:
    comparison = shared(*values, 1 - sum(values))
    shares = [*(verdict.share for verdict in comparison.causes), comparison.unexplained_share]
    assert all(0 <= share.value <= 1 for share in shares if isinstance(share, Estimate))


def test_a_remainder_below_nothing_that_is_not_shown_takes_no_share_away() -> None:
    comparison = shared(0.61, 0.4, -0.01)
    assert [round(verdict.share.value, 2) for verdict in comparison.causes if isinstance(verdict.share, Estimate)] == [
        0.61,
        0.4,
    ]
    assert isinstance(comparison.unexplained_share, Missing)


def test_a_wide_remainder_below_nothing_does_not_show_that_effects_oppose_each_other() -> None:
    given = explanations.with_pmu()
    causes = tuple(replace(explanations.PAGE_FAULTS, cause=cause, share=near(0.6)) for cause in ("engine", "fusion"))
    wide = replace(given.comparisons[2], causes=causes, unexplained_share=near(-0.2, half=0.5))
    comparison = in_time(wide, {row.arm: row for row in given.arms})
    assert all(is_known(verdict.share) for verdict in comparison.causes)


def test_a_comparison_of_one_switch_is_that_switch_and_no_cause_of_itself() -> None:
    arms = (Arm.of("fp32"), Arm.of("fp32@onnxruntime"))
    script = Script(arms={"fp32": SOUND, "fp32@onnxruntime": ArmScript(user_instructions=40e6)}, seed=1)
    explanation = explain(recorded(arms, script))
    (comparison,) = explanation.comparisons
    (engine,) = [verdict for verdict in comparison.causes if verdict.cause == "engine"]
    assert isinstance(engine, CauseVerdict)
    assert engine.outcome is Outcome.CONFIRMED
    assert engine.share == ITSELF
    said = paragraph(comparison, explanation)
    assert "of the gain" not in said
    assert "100 %" not in said
