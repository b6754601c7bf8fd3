"""How a default output is kept within 60 lines, and what gives way for it."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest

from ironlaw.concern import Concern, Weight
from ironlaw.explanation import CONTRIBUTION, CauseVerdict, Comparison, Explanation, Outcome
from ironlaw.report.columns import widest_first
from ironlaw.report.failures import ARM_FAILED, stopped_arms
from ironlaw.report.paragraph import headline
from ironlaw.report.terminal import Verbosity
from ironlaw.report.terminal.verbosity import BELOW, MOST_LINES, ROOMS
from ironlaw.report.verdicts import name_of
from tests.report import explanations
from tests.report.crowded import Crowd, crowded, crowded_points
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


CROWDS = {
    **{f"{arms} arms": Crowd(arms=arms) for arms in range(1, 15)},
    "many arms": Crowd(arms=40),
    "one cause each": Crowd(arms=14, causes=(1, 1, 1, 1)),
    "one confirmed each": Crowd(arms=14, causes=(1, 0, 0, 0), doubts=(0, 0, 0)),
    "all refuted": Crowd(causes=(0, 20, 0, 0)),
    "all undecided": Crowd(causes=(0, 0, 20, 0)),
    "all confirmed": Crowd(causes=(20, 0, 0, 0)),
    "invalid": Crowd(arms=2, doubts=(12, 0, 0)),
    "doubts": Crowd(arms=2, doubts=(1, 12, 12)),
    "search": Crowd(arms=14, front=8, mixed=8, failed=3),
    "failures": Crowd(arms=14, failed=13),
    "protocol": Crowd(arms=6, steps=12),
    "phases": Crowd(arms=6, has_phases=True),
    "code": Crowd(arms=3, has_code=True),
    "two files": Crowd(arms=1, has_files=True, has_code=True),
    "files": Crowd(arms=14, has_files=True),
    "everything": Crowd(arms=14, doubts=(3, 9, 9), front=9, mixed=9, steps=9, failed=3, has_phases=True, has_code=True),
}
AVAILABLE = MOST_LINES - BELOW


@pytest.mark.parametrize("name", CROWDS)
def test_whatever_a_run_has_to_report_fits_and_begins_with_the_arms_and_the_answer(name: str) -> None:
    crowd = CROWDS[name]
    for seed in (1, 2, 3):
        whole = crowded(crowd, seed=seed)
        lines = text_of(whole).splitlines()
        assert len(lines) <= AVAILABLE
        assert max(map(len, lines)) <= 80
        said = flat("\n".join(lines))
        shown = [one for one in whole.comparisons if flat(headline(one, whole)) in said]
        if not crowd.front and not crowd.steps:
            assert widest_first(whole.comparisons)[0] in shown
        assert shown
        confirmed = [name_of(one) for one in shown[0].causes if one.outcome is Outcome.CONFIRMED]
        assert len(confirmed) == crowd.causes[0]
        assert [one for one in confirmed if one not in said] == []
        assert lines[3].startswith("fp32")
        assert "--verbose shows" in said


@pytest.mark.parametrize("name", CROWDS)
def test_each_room_takes_no_more_lines_than_the_one_before(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = crowded(CROWDS[name])
    monkeypatch.setattr("ironlaw.report.terminal.whole.MOST_LINES", 10_000)
    counts = []
    for room in ROOMS:
        monkeypatch.setattr("ironlaw.report.terminal.whole.ROOMS", (room,))
        counts.append(len(text_of(whole).splitlines()))
    assert all(after <= before + 1 for before, after in itertools.pairwise(counts))  # one names what is left out
    assert counts[-1] <= AVAILABLE


def test_up_to_fourteen_arms_with_a_confirmed_cause_each_keep_their_rows() -> None:
    whole = crowded(CROWDS["one confirmed each"])
    said = text_of(whole)
    assert [arm.arm for arm in whole.arms if f"\n{arm.arm}  " not in said] == []


@pytest.mark.parametrize(("arms", "values"), [(2, 2), (2, 8), (6, 6)])
def test_a_run_that_varies_settings_fits_and_counts_what_it_leaves_out(arms: int, values: int) -> None:
    whole = crowded_points(arms, values)
    lines = text_of(whole).splitlines()
    assert len(lines) <= AVAILABLE
    assert max(map(len, lines)) <= 80
    table = lines[next(place for place, line in enumerate(lines) if line.startswith("point")) :]
    rows = sum("[" in line or "(control)" in line for line in itertools.takewhile(str.strip, table)) - 1
    left_out = 2 * arms * values - rows
    assert (f"{left_out} more row" in flat(text_of(whole))) is (left_out > 0)


def test_what_no_room_can_hold_is_cut_and_its_lines_are_counted() -> None:
    whole = crowded(Crowd(arms=1))
    long = replace(whole, concerns=(Concern(slug="long", text="word " * 2000, fix="", weight=Weight.INVALIDATES),))
    lines = text_of(long).splitlines()
    assert len(lines) == AVAILABLE
    assert re.fullmatch(r"\d+ more lines: see --verbose\.", lines[-1])
    assert int(lines[-1].split()[0]) > 50


def test_the_steps_of_a_protocol_stay_and_its_comparison_with_them() -> None:
    said = text_of(crowded(CROWDS["protocol"]))
    assert said.count("  of which ") == CROWDS["protocol"].steps - 1
    assert " faster than fp32: " in flat(said)


def test_many_failures_have_their_reasons_where_these_are_short() -> None:
    whole = crowded(CROWDS["failures"])
    text = text_of(whole)
    failed = stopped_arms(whole)
    assert len(failed) == 13
    assert all(one.sentence in text for one in failed)


def test_without_room_four_failures_have_two_lines_eight_have_one_and_the_others_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ironlaw.report.terminal.whole.ROOMS", (replace(ROOMS[-1], listed=0),))
    whole = crowded(CROWDS["failures"])
    arms = tuple(replace(arm, failure=f"{arm.failure} {'long ' * 60}") if arm.failure else arm for arm in whole.arms)
    lines = text_of(replace(whole, arms=arms)).splitlines()
    begins = [place for place, line in enumerate(lines) if " failed: signal 11 (SIGSEGV) in turn " in line]
    assert [lines[place].endswith("…") for place in begins] == [False] * 4 + [True] * 8
    assert all(lines[place + 1].endswith("long…") for place in begins[:4])
    assert "Also failed: int8+malloc=level-12." in lines


@pytest.mark.parametrize("name", ["search", "everything"])
def test_a_few_failures_have_their_reasons_wherever_room_is_short(name: str) -> None:
    whole = crowded(CROWDS[name])
    failed = stopped_arms(whole)
    said = text_of(whole)
    assert len(failed) == 3
    for one in failed:
        assert one.sentence in said


def test_a_heading_without_room_for_a_line_below_it_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = crowded(CROWDS["phases"])
    assert "Generating text:" in text_of(whole)
    assert "Same answers as" in text_of(whole)
    monkeypatch.setattr("ironlaw.report.terminal.whole.ROOMS", (replace(ROOMS[-1], listed=0),))
    said = text_of(whole)
    assert "Generating text:" not in said
    assert "Same answers as" not in said
    assert "about generating text" in flat(said)


def test_a_reason_without_room_takes_two_lines_and_its_step_another() -> None:
    whole = crowded(CROWDS["everything"])
    arms = tuple(replace(arm, failure=f"{arm.failure} {'long ' * 60}") if arm.failure else arm for arm in whole.arms)
    steps = tuple(
        Concern(slug=ARM_FAILED, arm=arm.arm, text="it failed", fix="wait " * 40) for arm in arms if arm.failure
    )
    lines = text_of(replace(whole, arms=arms, concerns=(*whole.concerns, *steps))).splitlines()
    assert len(lines) <= AVAILABLE
    begins = [place for place, line in enumerate(lines) if " failed: signal 11 (SIGSEGV) in turn " in line]
    assert len(begins) == 3
    for begin in begins:
        assert lines[begin + 1].endswith("long…")
        assert lines[begin + 2].startswith("  fix: wait")


def test_causes_confirmed_elsewhere_that_do_not_fit_on_their_line_are_counted() -> None:
    said = text_of(crowded(CROWDS["14 arms"])).partition("Confirmed in the other comparisons:")[2]
    lines = [line for line in said.splitlines() if line.startswith("  int8")]
    assert lines
    assert any(re.search(r"\w and \d more$", line) for line in lines)
    assert not any(line.endswith("…") for line in lines)


def test_everything_left_out_is_shown_by_verbose() -> None:
    whole = crowded(CROWDS["everything"])
    said = flat(text_of(whole, verbosity=Verbosity.VERBOSE))
    assert "--verbose" not in said
    for comparison in whole.comparisons:
        assert flat(headline(comparison, whole)) in said
    assert [concern.text for concern in whole.concerns if flat(concern.text).strip(" ;") not in said] == []
