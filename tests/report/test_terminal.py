from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from ironlaw.explanation import Explanation
from ironlaw.missing import Missing
from ironlaw.report.terminal import Verbosity, show
from tests.report import explanations

ALL = {
    name: getattr(explanations, name)
    for name in (
        "with_pmu",
        "without_pmu",
        "cut_short",
        "with_failed_arm",
        "with_moved_control",
        "with_twelve_arms",
        "with_hostile_names",
        "published_table",
    )
}


def text_of(
    explanation: Explanation, *, width: int = 80, n: int | None = None, verbosity: Verbosity = Verbosity.NORMAL
) -> str:
    out = io.StringIO()
    show(explanation, Console(file=out, width=width), n=n, verbosity=verbosity)
    return out.getvalue()


def flat(text: str) -> str:
    return " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.mark.parametrize("verbosity", Verbosity)
@pytest.mark.parametrize("name", ALL)
def test_no_line_is_wider_than_80_columns(name: str, verbosity: Verbosity) -> None:
    lines = text_of(ALL[name](), n=5000, verbosity=verbosity).splitlines()
    assert lines
    assert max(len(line) for line in lines) <= 80


@pytest.mark.parametrize("name", ALL)
def test_nothing_but_text_goes_into_a_pipe(name: str) -> None:
    assert "\x1b" not in text_of(ALL[name]())


def test_markup_in_a_name_stays_text() -> None:
    text = text_of(explanations.with_hostile_names(), width=200)
    assert "<script>alert(1)</script>[bold]x[/bold]" in text


def test_first_table_holds_time_and_speedup_of_every_arm() -> None:
    rows = {line.split("  ")[0]: flat(line) for line in text_of(explanations.with_pmu(), n=5000).splitlines()}
    assert rows["int8+fused"].startswith("int8+fused")
    assert "int8+fused 10.70 53.5 2.70× [2.60, 2.80] 7.49 3.00" in flat(text_of(explanations.with_pmu(), n=5000))


def test_counts_stand_in_the_second_table() -> None:
    assert "int8+fused 321 0.97 200 5.00 0.013 0 3.94" in flat(text_of(explanations.with_pmu()))


def test_wide_terminal_shows_one_table() -> None:
    heads = [line for line in text_of(explanations.with_pmu(), width=160).splitlines() if line.startswith("arm")]
    assert len(heads) == 1


def test_time_of_n_inferences_is_shown_only_when_asked_for() -> None:
    assert "for 5000" in text_of(explanations.with_pmu(), n=5000)
    assert "for " not in text_of(explanations.with_pmu()).splitlines()[0]


def test_lost_columns_become_one_line_with_reason_and_remedy() -> None:
    text = flat(text_of(explanations.without_pmu()))
    assert (
        "Not shown: instructions per image, IPC, cache misses per image, cache-miss percentage: the kernel refused "
        "hardware events (ENOENT): this machine shows no PMU. To get it: " in text
    )
    assert "misses / image" not in text


def test_column_that_was_not_recorded_is_not_mentioned() -> None:
    whole = explanations.with_pmu()
    arms = tuple(replace(arm, context_switches=Missing("was not recorded")) for arm in whole.arms)
    text = text_of(replace(whole, arms=arms))
    assert "context" not in text.partition("The usual guesses")[0]


def test_failed_arm_keeps_its_row_and_says_why() -> None:
    text = text_of(explanations.with_failed_arm())
    row = next(line for line in text.splitlines() if line.startswith("int8 "))
    assert row.split()[1] == "–¹"
    assert "int8 failed: signal 11 (SIGSEGV) in turn 3." in text


def test_lost_columns_are_judged_by_the_arms_that_ran() -> None:
    assert "Not shown" not in text_of(explanations.with_failed_arm())


def test_cut_recording_is_marked_before_its_table() -> None:
    assert text_of(explanations.cut_short()).startswith("This recording was cut short")


def test_arms_of_experiments_stand_apart() -> None:
    lines = [line.split("  ")[0] for line in text_of(explanations.with_pmu()).splitlines()]
    assert lines.index("fp32 (again)") + 1 == next(
        place for place, line in enumerate(lines) if line.startswith("for experiments")
    )


def test_paragraph_reads_like_an_answer() -> None:
    assert (
        "int8+fused is 2.70× [2.60, 2.80] faster than fp32: 10.70 ms instead of 29.00 ms per image. "
        "41 % [38, 44] of the gain is page faults, 47 % [43, 51] is fusion. "
        "Unexplained: a factor of 1.13× [1.08, 1.17], 12 % of the gain."
    ) in flat(text_of(explanations.with_pmu())).replace("41.0 % [38.0, 44.0]", "41 % [38, 44]")


def test_moved_control_takes_every_claim_away() -> None:
    text = flat(text_of(explanations.with_moved_control()))
    assert "is 2.70× [2.60, 2.80] faster" not in text
    assert "Unproven: int8+fused against fp32 reads 2.70× [2.60, 2.80], but" in text


def test_quiet_says_one_sentence_per_comparison() -> None:
    text = text_of(explanations.with_pmu(), verbosity=Verbosity.QUIET)
    assert "2.70×" in text
    assert "Page faults" not in text


def test_verbose_shows_the_evidence_and_its_gaps() -> None:
    text = text_of(explanations.with_pmu(), verbosity=Verbosity.VERBOSE)
    assert "minor faults per inference: 3512" in text
    assert "kernel share of cycles: the kernel refused" in flat(text)


def test_published_table_is_shown_without_intervals() -> None:
    text = flat(text_of(explanations.published_table()))
    assert (
        "int8 took 54.44 s instead of 89.81 s per run, 1.65× faster than fp32. "
        "No interval (a published table has no replicates), so nothing is proven." in text
    )
    assert "fp32 would take 76.60 s per run" in text
    assert "[" not in text.replace("[95 %]", "")
