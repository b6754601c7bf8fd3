"""Saved outputs of `perf stat`: real ones of this kind of machine, and others written after the documentation."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from ironlaw.analysis.imported.perf_stat import explain_perf_stat
from ironlaw.attached.perf_format import event_name, parse
from ironlaw.attachment import PerfOutput
from ironlaw.errors import BadInput
from ironlaw.explanation import (
    Difference,
    Explanation,
)
from ironlaw.explanation.split import Term
from ironlaw.missing import Missing, is_known

DATA = Path(__file__).parent.parent / "data"


def text(name: str) -> str:
    return (DATA / name).read_text(encoding="utf-8")


def output(name: str) -> PerfOutput:
    return parse(text(name), named=name)


def explained(*names: str) -> Explanation:
    return explain_perf_stat([(name, text(name)) for name in names])


def value(name: str, event: str) -> float:
    (counted,) = [one for one in output(name).counted if one.event == event]
    assert is_known(counted.value)
    return counted.value


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("*.*") if path.suffix != ".md"))
def test_every_sample_is_read_without_a_line_left_over(name: str) -> None:
    read = output(name)
    assert is_known(read.elapsed_ns)
    assert not read.unread
    assert read.counted


@pytest.mark.parametrize(
    ("name", "event", "expected"),
    [
        ("written-3.2-brackets.txt", "instructions", 21_924_000_000),
        ("written-3.2-brackets.txt", "task-clock", 8120.334512e6),
        ("written-3.2-brackets.txt", "cpu-migrations", 1),
        ("written-4.15-german.txt", "cycles", 24_360_000_000),
        ("written-4.15-german.txt", "page-faults", 35_210),
        ("written-4.15-german.txt", "task-clock", 8120.334512e6),
        ("written-5.15-french.txt", "cycles", 12_180_500_000),
        ("written-5.15-french.txt", "instructions", 13_398_550_000),
        ("written-5.15-french.txt", "task-clock", 4060.17e6),
        ("written-5.10-user-only-r5.txt", "instructions:u", 13_266_550_000),
        ("written-5.4-pinned.csv", "cycles", 24_360_000_000),
        ("written-6.6-german.csv", "cycles:k", 120_500_000),
        ("written-6.6-german.csv", "task-clock", 4060.17e6),
        ("real-6.1-retain.txt", "page-faults", 19674),
    ],
)
def test_a_count_is_read_as_its_locale_and_kernel_write_it(name: str, event: str, expected: float) -> None:
    assert value(name, event) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "elapsed_s"),
    [
        ("written-3.2-brackets.txt", 8.128462710),
        ("written-4.15-german.txt", 8.128462710),
        ("written-5.15-french.txt", 4.064230012),
        ("written-5.10-user-only-r5.txt", 4.06423),
        ("written-5.4-pinned.csv", 8.128462710),
        ("real-6.1-mmap-r5.txt", 0.31780),
    ],
)
def test_the_time_elapsed_is_read(name: str, elapsed_s: float) -> None:
    assert output(name).elapsed_ns == pytest.approx(elapsed_s * 1e9, rel=1e-12)


def test_where_cpus_utilized_have_too_few_digits_the_reason_names_them() -> None:
    read = parse("2960.00,msec,task-clock,2960004060,100.00,0.076,CPUs utilized\n", named="x")
    assert isinstance(read.elapsed_ns, Missing)
    assert read.elapsed_ns.reason.endswith("-e duration_time; 0.076 CPUs utilized are too few digits to derive it from")


def test_a_separated_output_without_duration_derives_the_time_and_says_so() -> None:
    read = output("written-6.6-german.csv")
    assert read.elapsed_ns == pytest.approx(4060.17e6 / 0.999, rel=1e-12)
    assert "task-clock / CPUs utilized" in read.assumptions[0]
    comparison = explained("real-6.1-mmap.csv", "real-6.1-retain.csv").comparisons[0]
    assert is_known(comparison.once)
    assert any("task-clock / CPUs utilized" in said for said in comparison.once.assumptions)


def test_a_multiplexed_count_carries_its_share_and_a_doubt() -> None:
    (cycles,) = [one for one in output("written-4.15-german.txt").counted if one.event == "cycles"]
    assert cycles.share == pytest.approx(0.4998)
    (bracketed,) = [one for one in output("written-3.2-brackets.txt").counted if one.event == "instructions"]
    assert bracketed.share == pytest.approx(0.7503)
    doubts = explained("written-4.15-german.txt", "written-5.15-french.txt").concerns
    assert any(c.slug == "pmu-misuse" and "49.98 %" in c.text for c in doubts)


def test_not_supported_and_not_counted_are_gaps_and_not_zero() -> None:
    for name, event in (("real-6.1-mmap.txt", "cycles"), ("written-3.2-brackets.txt", "stalled-cycles-frontend")):
        (counted,) = [one for one in output(name).counted if one.event == event]
        assert isinstance(counted.value, Missing)
    row = explained("real-6.1-mmap.txt", "real-6.1-retain.txt").arms[0]
    assert isinstance(row.instructions, Missing)
    assert "<not supported>" in row.instructions.reason


def test_repeats_keep_their_spread_and_number() -> None:
    read = output("written-5.10-user-only-r5.txt")
    assert read.runs == 5
    assert read.elapsed_spread == pytest.approx(0.0051)
    (cycles,) = [one for one in read.counted if one.event == "cycles:u"]
    assert cycles.spread == pytest.approx(0.0049)
    assert cycles.share == pytest.approx(0.8331)


def test_repeats_give_an_interval_by_welch() -> None:
    (comparison,) = explained("real-6.1-mmap-r5.txt", "real-6.1-retain-r5.txt").comparisons
    assert is_known(comparison.ln_ratio)
    first, second = 0.0094**2, 0.0146**2
    degrees = (first + second) ** 2 / (first**2 / 4 + second**2 / 4)
    assert 6.8 < degrees < 6.9  # between the tabulated t of 6 and 7 degrees of freedom, 2.447 and 2.365
    half = comparison.ln_ratio.half_width / math.sqrt(first + second)
    assert 2.365 < half < 2.447
    assert comparison.ln_ratio.value == pytest.approx(math.log(0.31780 / 0.12482), rel=1e-12)
    assert comparison.difference is Difference.FASTER


def test_a_single_run_has_no_interval_and_proves_nothing() -> None:
    explanation = explained("real-6.1-mmap.txt", "real-6.1-retain.txt")
    (comparison,) = explanation.comparisons
    assert isinstance(comparison.ln_ratio, Missing)
    assert comparison.difference is Difference.UNPROVEN
    assert not is_known(explanation.arms[0].wall_ns)


def test_without_a_pmu_user_time_kernel_time_and_utilisation_are_what_is_split() -> None:
    (comparison,) = explained("real-6.1-mmap.txt", "real-6.1-retain.txt").comparisons
    assert is_known(comparison.once)
    known = {term: value for term, value in comparison.once.terms.items() if not isinstance(value, Missing)}
    assert set(known) == {Term.CPU_TIME, Term.KERNEL, Term.UTILISATION}
    assert math.fsum(term.ln for term in known.values()) == pytest.approx(comparison.once.ln_ratio, rel=1e-12)
    difference = comparison.once.control_ns - comparison.once.changed_ns
    assert math.fsum(term.ns for term in known.values()) == pytest.approx(difference, rel=1e-12)


def test_counts_split_into_instructions_and_cpi() -> None:
    (comparison,) = explained("written-4.15-german.txt", "written-5.15-french.txt").comparisons
    assert is_known(comparison.once)
    terms = {term: value.ln for term, value in comparison.once.terms.items() if not isinstance(value, Missing)}
    assert terms[Term.INSTRUCTIONS] == pytest.approx(math.log(21.924e9 / 13.39855e9), rel=1e-9)
    assert terms[Term.CPI] == pytest.approx(math.log((24.36 / 21.924) / (12.1805 / 13.39855)), rel=1e-9)


def test_user_only_counts_are_said_to_be_so() -> None:
    slugs = {c.slug for c in explained("written-5.10-user-only-r5.txt", "written-6.6-german.csv").concerns}
    assert "user-mode-only" in slugs


def test_an_impossible_count_is_a_gap_with_its_reason() -> None:
    explanation = explained("written-4.9-impossible.txt", "written-5.15-french.txt")
    references = explanation.arms[0].cache_references
    assert isinstance(references, Missing)
    assert "no CPU counts that fast" in references.reason
    assert isinstance(explanation.arms[0].cache_miss_share, Missing)


def test_counts_of_two_kinds_of_cores_are_not_added() -> None:
    row = explained("written-6.8-hybrid.txt", "written-5.15-french.txt").arms[0]
    assert isinstance(row.cycles, Missing)
    assert "two kinds of cores" in row.cycles.reason


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("cycles", ("cycles", "")),
        ("cycles:u", ("cycles:u", "")),
        ("cycles:uk", ("cycles", "")),
        ("instructions:ukhHG", ("instructions", "")),
        ("instructions:kH", ("instructions:k", "")),
        ("cpu_core/cycles/u", ("cycles:u", "cpu_core")),
        ("cpu/instructions/", ("instructions", "cpu")),
        ("cs", ("context-switches", "")),
        ("sched:sched_switch", ("sched:sched_switch", "")),
    ],
)
def test_events_are_named_with_their_mode(written: str, expected: tuple[str, str]) -> None:
    assert event_name(written) == expected


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "is empty"),
        ("hello\nworld\n", "is not an output of perf stat"),
        ("     1.000 counts\n", "is not an output of perf stat"),
        ('{"counter-value" : "1", "event" : "cycles"}\n', "JSON"),
        (
            "# started\n\n Performance counter stats for 'a':\n\nS0-D0-C0   2   10.00 msec cpu-clock\n",
            "by core or socket",
        ),
        ("123,,cycles,1,100.00,,\n", "no time elapsed"),
    ],
)
def test_what_is_no_total_of_one_run_is_bad_input(written: str, said: str) -> None:
    good = text("real-6.1-mmap.txt")
    with pytest.raises(BadInput, match=said) as caught:
        explain_perf_stat([("a.txt", written), ("b.txt", good)])
    assert "a.txt" in caught.value.message
    assert caught.value.hint


def test_two_outputs_in_one_file_are_bad_input() -> None:
    both = text("real-6.1-mmap.txt") + text("real-6.1-retain.txt")
    with pytest.raises(BadInput, match="holds 2 outputs"):
        parse(both, named="both.txt")


def test_two_outputs_of_one_name_are_bad_input() -> None:
    good = text("real-6.1-mmap.txt")
    with pytest.raises(BadInput, match="two arms called 'a'"):
        explain_perf_stat([("a", good), ("a", good)])
