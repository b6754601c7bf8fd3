"""How a default output is kept within 60 lines, and what gives way for it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ironlaw.concern import Concern
from ironlaw.explanation import CONTRIBUTION, CauseVerdict, Comparison, Explanation, Outcome
from ironlaw.report.terminal import Verbosity
from tests.report import explanations
from tests.report.test_terminal import ALL, flat, text_of


@pytest.mark.parametrize("name", ["with_pmu", "without_pmu", "with_moved_control"])
def test_a_default_run_fits_on_60_lines(name: str) -> None:
    assert len(text_of(ALL[name]()).splitlines()) <= 60


def open_of(comparison: Comparison) -> tuple[CauseVerdict, ...]:
    return tuple(verdict for verdict in comparison.causes if verdict.outcome is not Outcome.CONFIRMED)


def test_where_room_is_short_what_there_is_besides_is_left_to_verbose_and_named() -> None:
    whole = explanations.without_pmu()
    crowded = tuple(replace(one, causes=one.causes * 6) for one in whole.comparisons)
    said = flat(text_of(replace(whole, comparisons=crowded)))
    assert "Published guesses" not in said
    # It has no samples and no second-best arm: nothing is promised that --verbose does not have.
    assert re.search(r"--verbose shows .* and published guesses\.", said)
    assert "Published guesses" in flat(text_of(whole))


def test_a_run_with_much_to_say_fits_on_60_lines_and_names_what_it_shortens() -> None:
    whole = explanations.without_pmu()
    many = tuple(
        Concern(slug=f"doubt-{number}", text=f"doubt {number} is there", fix="wait", arm="int8") for number in range(14)
    )
    comparisons = tuple(replace(one, causes=(*one.causes, *open_of(one) * 6)) for one in whole.comparisons)
    crowded = replace(whole, concerns=(*whole.concerns, *many), comparisons=comparisons)
    said = text_of(crowded)
    assert len(said.splitlines()) <= 60
    assert all(f"doubt {number}" in flat(said) for number in range(14))
    assert len(text_of(crowded, verbosity=Verbosity.VERBOSE).splitlines()) > 60


def with_confirmed_everywhere(*, remark: str) -> Explanation:
    """Four causes confirmed in each comparison, of which each takes three lines."""
    whole = explanations.without_pmu()
    causes = tuple(
        replace(explanations.PAGE_FAULTS, cause=slug, control=f"fp32+{slug}", changed=f"fp32+{slug}=off", reason=remark)
        for slug in ("page-faults", "weight-traffic", "memory-layout", "fusion")
    )
    return replace(whole, comparisons=tuple(replace(one, causes=causes) for one in whole.comparisons))


def test_where_room_is_short_causes_of_other_comparisons_are_named_on_one_line() -> None:
    said = text_of(with_confirmed_everywhere(remark="int8+fused was not switched: it has 3.7 page faults an inference"))
    assert len(said.splitlines()) <= 60
    assert said.count("✓ Page faults: confirmed.") == 1
    assert said.count("✓ confirmed: Page faults, Weight traffic, Memory layout, Fusion") == 2
    assert "what limits" not in said
    assert "it has 3.7 page faults an inference" in flat(said)


def test_a_cause_that_works_against_the_difference_is_named_apart() -> None:
    whole = with_confirmed_everywhere(remark="")
    comparisons = [
        replace(one, causes=(replace(one.causes[0], evidence={CONTRIBUTION: -0.1}), *one.causes[1:]))
        for one in whole.comparisons
    ]
    said = text_of(replace(whole, comparisons=tuple(comparisons)))
    assert said.count("✓ confirmed: Weight traffic, Memory layout, Fusion") == 2
    assert said.count("✓ confirmed, against the difference: Page faults") == 2


def test_remarks_on_confirmed_causes_are_the_last_to_give_way_and_named() -> None:
    crowded = with_confirmed_everywhere(remark="int8+fused was not switched: " + "for a reason of many words " * 20)
    assert "for a reason" not in text_of(crowded)
    assert "what limits the confirmed causes" in flat(text_of(crowded))
    assert "for a reason" in text_of(crowded, verbosity=Verbosity.VERBOSE)
