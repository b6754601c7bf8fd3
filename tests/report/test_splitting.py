"""The words of a split: shares, what is lost said once, what-if times."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.estimate import Estimate
from ironlaw.explanation import (
    OnceTerm,
    ReadOnce,
)
from ironlaw.explanation.split import Split, SplitTerm, Term
from ironlaw.missing import Missing
from ironlaw.report import splitting
from ironlaw.report.gaps import gap_sentence, gaps
from ironlaw.report.quantity import MINUS
from tests.report import explanations
from tests.report.published import published_table


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def exact(value: float) -> Estimate:
    return Estimate(value=value, low=value - abs(value) / 10, high=value + abs(value) / 10)


def term(ln: float, ns: float) -> SplitTerm:
    return SplitTerm(ln=exact(ln), ns=exact(ns))


NO_PMU = Missing("this machine exposes no PMU")
BY_TIME = Split(
    total=term(0.8, 8e6),
    terms={
        Term.INSTRUCTIONS: NO_PMU,
        Term.CPI: NO_PMU,
        Term.FREQUENCY: NO_PMU,
        Term.CPU_TIME: term(0.6, 6e6),
        Term.KERNEL: term(0.2, 2e6),
        Term.UTILISATION: term(1e-18, 1e-11),
    },
)


def test_each_term_has_its_share_of_the_difference() -> None:
    rows = {row.title: (plain(row.size), plain(row.share)) for row in splitting.split_rows(BY_TIME)}
    assert rows["user time"] == ("6.0 ms [5.4, 6.6]", "75 %")
    assert rows["kernel time"] == ("2.00 ms [1.80, 2.20]", "25 %")


def test_what_only_rounding_left_is_printed_as_zero() -> None:
    rows = {row.title: plain(row.size) for row in splitting.split_rows(BY_TIME)}
    assert rows["CPU utilisation"] == "0 ms [0, 0]"


def test_a_lost_reason_is_said_once_for_all_of_its_terms() -> None:
    (gap,) = gaps((), (explanations.comparison("fp32", "int8", 2.0, split=BY_TIME),))
    said = gap_sentence(gap)
    assert said.startswith("Unknown: in the splits, instructions, cycles per instruction and clock frequency. Reason: ")
    assert said.count("this machine exposes no PMU") == 1


def test_where_no_difference_is_shown_nothing_is_shared_out() -> None:
    none_shown = Split(total=SplitTerm(ln=Estimate(value=0.1, low=-0.1, high=0.3), ns=exact(1e6)), terms=BY_TIME.terms)
    assert {row.share for row in splitting.split_rows(none_shown)} == {""}


def test_where_large_terms_oppose_each_other_their_times_stand_alone() -> None:
    def shares(loss: float) -> set[str]:
        terms = {**BY_TIME.terms, Term.CPU_TIME: term(0.6 + loss, 6e6), Term.UTILISATION: term(-loss, -1e6)}
        return {plain(row.share) for row in splitting.split_rows(replace(BY_TIME, terms=terms))}

    assert shares(0.8) == {""}
    assert shares(0.016) == {"77 %", "25 %", f"{MINUS}2 %"}


def test_parts_follow_their_term_and_share_the_same_whole() -> None:
    split = Split(
        total=term(1.0, 1e7),
        terms={Term.INSTRUCTIONS: term(0.4, 4e6), Term.CPI: term(0.6, 6e6), Term.KERNEL: NO_PMU},
        parts={Term.CPI: {"frontend": term(0.1, 1e6), "backend": term(0.5, 5e6)}},
    )
    assert [(row.title, plain(row.share)) for row in splitting.split_rows(split)] == [
        ("instructions", "40 %"),
        ("cycles per instruction", "60 %"),
        ("  frontend", "10 %"),
        ("  backend", "50 %"),
    ]


def test_cpu_time_is_not_called_lost_where_its_factors_are_known() -> None:
    once = ReadOnce(
        ln_ratio=0.5,
        control_ns=2e9,
        changed_ns=1e9,
        terms={
            Term.INSTRUCTIONS: OnceTerm(ln=0.5, ns=1e9),
            Term.CPU_TIME: Missing("instructions, CPI, frequency and kernel replace it"),
        },
    )
    assert splitting.lost_terms(once) == {}


def test_the_what_if_sentence_names_cpi_and_instruction_count_of_the_changed_arm() -> None:
    explanation = published_table()
    said = plain(splitting.what_if_sentence(explanation.comparisons[0], explanation.plan))
    assert "cycles per instruction and all else equal" in said
    assert "fp32 would take 76.60 s per run" in said


def test_times_that_hardly_differ_are_not_shared_out() -> None:
    terms: dict[Term, OnceTerm | Missing] = {
        Term.INSTRUCTIONS: OnceTerm(ln=-0.01, ns=-40e6),
        Term.FREQUENCY: OnceTerm(ln=0.01001, ns=40.04e6),
    }
    once = ReadOnce(ln_ratio=1e-5, control_ns=4.00004e9, changed_ns=4e9, terms=terms)
    rows = splitting.split_rows(once)
    assert [(plain(row.size), row.share) for row in rows] == [("−40.0 ms", ""), ("40.0 ms", "")]


def test_terms_seen_once_stand_to_the_place_of_the_largest() -> None:
    terms: dict[Term, OnceTerm | Missing] = {
        Term.CPU_TIME: OnceTerm(ln=0.04, ns=7.8e6),
        Term.KERNEL: OnceTerm(ln=0.94, ns=198.06e6),
        Term.UTILISATION: OnceTerm(ln=-0.024, ns=-5.02e6),
    }
    once = ReadOnce(ln_ratio=0.956, control_ns=327.2e6, changed_ns=126.4e6, terms=terms)
    assert [plain(row.size) for row in splitting.split_rows(once)] == ["8 ms", "198 ms", "−5 ms"]
