"""The table of counters against time: what varied, in which unit, and what it does not prove."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from ironlaw.estimate import Estimate
from ironlaw.explanation import Association, Explanation
from ironlaw.missing import Missing
from ironlaw.report.associations import show_associations
from tests.report import explanations

STILL = Missing("it did not vary")


def item(counter: str, over: str, arm: str, covariance: float, correlation: Estimate | Missing) -> Association:
    return Association(counter=counter, over=over, arm=arm, n=8, covariance=covariance, correlation=correlation)


def shown(explanation: Explanation, *, verbose: bool = False) -> str:
    out = io.StringIO()
    show_associations(explanation, Console(file=out, width=80), verbose=verbose)
    text = out.getvalue().replace("\N{NO-BREAK SPACE}", " ")
    assert max(len(line) for line in text.splitlines()) <= 80
    return "\n".join(" ".join(line.split()) for line in text.splitlines())


def with_associations(*items: Association) -> Explanation:
    return replace(explanations.with_pmu(), associations=items)


def test_a_covariance_is_in_counts_times_milliseconds_with_n_and_interval() -> None:
    found = Estimate(value=0.9, low=0.55, high=-0.02 + 1)
    text = shown(with_associations(item("page-faults", "replicates", "fp32", 78.7e6, found)))
    assert "fp32:\npage-faults replicates 8 78.7 +0.90 [+0.55, +0.98]" in text
    assert "counts and ms per image" in text


def test_what_did_not_vary_is_named_once_and_takes_no_row() -> None:
    found = Estimate(value=-0.5, low=-0.9, high=0.2)
    text = shown(
        with_associations(
            item("cpu-migrations", "rounds", "fp32", 0.0, STILL),
            item("cpu-migrations", "replicates", "fp32", 0.0, STILL),
            item("cache-misses", "rounds", "fp32", -2e9, found),
        )
    )
    assert text.count("cpu-migrations") == 1
    assert "Left out, since it did not vary: cpu-migrations." in text
    assert "cache-misses rounds 8 −2.00 k −0.50 [−0.90, +0.20]" in text


def test_too_few_values_have_a_covariance_and_a_reason() -> None:
    text = shown(with_associations(item("cycles", "arms", "", 5e6, Missing("3 values are too few for an interval"))))
    assert "all arms:\ncycles arms 8 5.00 –¹" in text
    assert "¹ 3 values are too few for an interval" in text


def test_it_is_called_association_and_the_experiment_is_named() -> None:
    found = Estimate(value=0.9, low=0.5, high=0.99)
    text = shown(with_associations(item("cache-misses", "rounds", "fp32", 1e6, found))).replace("\n", " ")
    assert "association, not cause" in text
    assert "--experiments with one of: weight-traffic, cache-fit." in text


def test_without_anything_that_varied_that_is_said() -> None:
    assert "No counter that varied" in shown(with_associations())
    assert "No counter that varied" in shown(with_associations(item("cycles", "rounds", "fp32", 0.0, STILL)))
