"""Sentences whose numbers must be those of the explanation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.estimate import Estimate
from ironlaw.explanation import Difference, Explanation, ReadOnce
from ironlaw.missing import Missing, is_known
from ironlaw.report.doubts import stopped_sentence
from ironlaw.report.paragraph import headline, misleading_sentence, precision_sentence, rank_sentence
from tests.report import explanations
from tests.report.published import published_table


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def two_arms(**changes: tuple[object, object]) -> Explanation:
    """The first comparison, its control and its changed arm with other fields."""
    base = explanations.with_pmu()
    comparison = base.comparisons[0]
    rows = {arm.arm: arm for arm in base.arms}
    control, changed = rows[comparison.control], rows[comparison.changed]
    control = replace(control, **{name: pair[0] for name, pair in changes.items()})  # type: ignore[arg-type]
    changed = replace(changed, **{name: pair[1] for name, pair in changes.items()})  # type: ignore[arg-type]
    return replace(base, arms=(control, changed))


@pytest.mark.parametrize(
    ("slug", "said"),
    [
        ("ipc-lower-while-faster", "IPC falls from 1.50 to 1.00 although"),
        ("ipc-higher-while-slower", "IPC rises from 1.50 to 1.00 although"),
        (
            "miss-rate-up-while-misses-fall",
            "rises from 10.0 % to 25.0 % while the misses fall from 200 k to 50.0 k per",
        ),
        ("miss-rate-down-while-misses-rise", "falls from 10.0 % to 25.0 % while the misses rise from 200 k to 50.0 k"),
    ],
)
def test_a_misleading_metric_is_named_with_both_of_its_values(slug: str, said: str) -> None:
    explanation = two_arms(ipc=(1.5, 1.0), cache_miss_share=(0.1, 0.25), cache_misses=(200e3, 50e3))
    assert said in plain(misleading_sentence(slug, explanation.comparisons[0], explanation))


def test_two_times_that_print_equally_are_not_called_slower() -> None:
    explanation = published_table()
    comparison = explanation.comparisons[0]
    assert is_known(comparison.once)
    once = comparison.once
    assert isinstance(once, ReadOnce)
    equal = replace(comparison, once=replace(once, ln_ratio=-1e-6, changed_ns=once.control_ns * (1 + 1e-6)))
    said = plain(headline(equal, explanation))
    assert f"{comparison.changed} took as long as {comparison.control}, 89.81 s per run." in said
    assert "slower" not in said


def test_two_times_whose_ratio_prints_as_1_are_not_called_slower() -> None:
    explanation = published_table()
    comparison = explanation.comparisons[0]
    assert is_known(comparison.once)
    once = replace(comparison.once, ln_ratio=-0.002, changed_ns=comparison.once.control_ns * 1.002)
    said = plain(headline(replace(comparison, once=once), explanation))
    assert said.startswith(
        f"{comparison.changed} took 89.99 s per run, {comparison.control} 89.81 s: a ratio of 1.00×."
    )
    assert "slower" not in said


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (explanations.estimate(100e3, 60e3), explanations.estimate(120e3, 3e3), False),  # of other replicates
        (explanations.estimate(122e3, 90e3), explanations.estimate(118e3, 90e3), False),  # both 120 µs
        (explanations.estimate(145e3, 3e3), explanations.estimate(116e3, 3e3), True),
    ],
)
def test_times_that_would_contradict_the_ratio_are_left_out(before: Estimate, after: Estimate, said: bool) -> None:
    base = two_arms(wall_ns=(before, after))
    faster = replace(base.comparisons[0], difference=Difference.FASTER, ln_ratio=explanations.ln(1.24, half=0.1))
    assert ("instead of" in headline(faster, base)) is said


def test_without_a_precision_in_the_plan_nothing_is_said_of_one() -> None:
    explanation = explanations.with_pmu()
    assert precision_sentence(explanation.comparisons[0], explanation) == ""
    assert stopped_sentence(explanation) == ""


def test_a_precision_out_of_reach_says_why() -> None:
    base = explanations.with_pmu()
    assert is_known(base.plan)
    plan = replace(base.plan, schedule=replace(base.plan.schedule, precision=0.01))
    comparison = replace(base.comparisons[0], replicates_needed=Missing("more than 10000 replicates: out of reach"))
    explanation = replace(base, plan=plan, comparisons=(comparison,))
    said = plain(precision_sentence(comparison, explanation))
    assert said.endswith("±1.0 % was requested: more than 10000 replicates: out of reach.")


def test_the_rank_check_stands_beside_with_every_replicate() -> None:
    comparison = explanations.with_pmu().comparisons[0]
    assert is_known(comparison.rank)
    said = plain(rank_sentence(comparison))
    assert said.startswith("By ranks, assuming no distribution: ")
    assert said.count(", ") >= len(comparison.replicates)
    gap = replace(comparison, rank=Missing("5 replicates are too few: ranks reach 95% from 6 on"))
    assert "5 replicates are too few" in rank_sentence(gap)
