"""A published table: the blog post's numbers, and tables that are wrong."""

from __future__ import annotations

import math

import pytest

from ironlaw.analysis.imported.published import explain_table
from ironlaw.errors import BadInput
from ironlaw.explanation import (
    Comparison,
    Difference,
    ReadOnce,
)
from ironlaw.explanation.split import Term
from ironlaw.missing import Missing, is_known

POST = """arm,time_s,cache_miss_percent,ipc,size_mb
MobileNetV2,89.8063,20.774,0.58,14.2605
+ quantization,54.4425,5.987,0.68,4.2422
+ layer fusion,31.1885,5.004,0.97,3.9436
"""


def once(comparison: Comparison) -> ReadOnce:
    assert is_known(comparison.once)
    return comparison.once


def ln(read: ReadOnce, term: Term) -> float:
    value = read.terms[term]
    assert not isinstance(value, Missing)
    return value.ln


def test_the_posts_two_steps_split_into_68_to_32_and_36_to_64_percent() -> None:
    first, second, whole = explain_table(POST, named="post.csv").comparisons
    assert (whole.control, whole.changed) == ("MobileNetV2", "+ layer fusion")
    shares = []
    for comparison in (first, second):
        read = once(comparison)
        shares += [ln(read, Term.INSTRUCTIONS) / read.ln_ratio, ln(read, Term.CPI) / read.ln_ratio]
    assert [round(100 * share) for share in shares] == [68, 32, 36, 64]
    assert once(first).ln_ratio == pytest.approx(0.5005, abs=5e-5)
    assert ln(once(first), Term.INSTRUCTIONS) == pytest.approx(0.3414, abs=5e-5)
    assert ln(once(second), Term.CPI) == pytest.approx(0.3552, abs=5e-5)


def test_fp32_at_the_cpi_of_int8_takes_less_time_and_not_more() -> None:
    first = once(explain_table(POST, named="post.csv").comparisons[0])
    assert first.counterfactuals_ns[Term.CPI] / 1e9 == pytest.approx(89.8063 * 0.58 / 0.68, rel=1e-12)
    assert round(first.counterfactuals_ns[Term.CPI] / 1e9, 2) == 76.60


def test_the_terms_in_ns_add_up_to_the_measured_difference() -> None:
    first = once(explain_table(POST, named="post.csv").comparisons[0])
    known = [term.ns for term in first.terms.values() if not isinstance(term, Missing)]
    assert math.fsum(known) == pytest.approx(89.8063e9 - 54.4425e9, rel=1e-13)


def test_nothing_in_a_table_pretends_to_an_interval() -> None:
    explanation = explain_table(POST, named="post.csv")
    for comparison in explanation.comparisons:
        assert not is_known(comparison.ln_ratio)
        assert not is_known(comparison.split)
        assert comparison.difference is Difference.UNPROVEN
    assert not any(is_known(arm.wall_ns) for arm in explanation.arms)


def test_frequency_and_utilisation_are_gaps_with_the_assumption_said() -> None:
    first = once(explain_table(POST, named="post.csv").comparisons[0])
    assert isinstance(first.terms[Term.FREQUENCY], Missing)
    assert isinstance(first.terms[Term.UTILISATION], Missing)
    assert "are equal" in first.assumptions[0]


def test_a_miss_rate_without_counts_is_said_not_to_carry_the_cache_explanation() -> None:
    concerns = explain_table(POST, named="post.csv").concerns
    assert "is no evidence that the cache" in next(c.text for c in concerns if c.slug == "misleading-metric")
    without = explain_table("arm,time_s,ipc\na,2,1\nb,1,1\n", named="t")
    assert "misleading-metric" not in {concern.slug for concern in without.concerns}


def test_what_the_table_lacks_is_listed() -> None:
    lacks = [c.text for c in explain_table(POST, named="post.csv").concerns if c.slug == "table-lacks"]
    for word in ("repeats", "control", "counts", "frequency", "page faults", "imports", "outputs"):
        assert word in " ".join(lacks)


def test_an_ipc_that_falls_while_the_time_falls_is_called_misleading() -> None:
    faster = explain_table("arm,time_s,ipc\na,2,1.5\nb,1,1.0\n", named="t").comparisons[0]
    slower = explain_table("arm,time_s,ipc\na,1,1.0\nb,2,1.5\n", named="t").comparisons[0]
    assert faster.misleading == ("ipc-lower-while-faster",)
    assert slower.misleading == ("ipc-higher-while-slower",)


def test_semicolons_with_decimal_commas_and_a_byte_order_mark_are_read() -> None:
    text = "\ufeffarm;time_s;ipc\nfp32;89,8063;0,58\nint8;54,4425;0,68\n"
    assert once(explain_table(text, named="t").comparisons[0]).ln_ratio == pytest.approx(0.5005, abs=5e-5)


def test_an_unknown_column_is_said_to_be_unused() -> None:
    concerns = explain_table("arm,time_s,ipc,joules\na,2,1,5\nb,1,1,4\n", named="t").concerns
    assert "joules" in next(c.text for c in concerns if c.slug == "unused-column")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("arm,time_s,ipc\na,0,1\nb,1,1\n", ("row 2", "time_s", "above 0")),
        ("arm,time_s,ipc\na,1,1\nb,-3,1\n", ("row 3", "time_s", "above 0")),
        ("arm,time_s,ipc\na,1,1\nb,1,0\n", ("row 3", "ipc", "above 0")),
        ("arm,time_s,ipc\na,1,1\nb,fast,1\n", ("row 3", "time_s", "not a number")),
        ("arm,time_s,ipc\na,1,1\nb,nan,1\n", ("row 3", "time_s", "not a number")),
        ("arm,time_s,ipc\na,1,1\n\nb,inf,1\n", ("row 4", "time_s", "not a number")),
        ("arm,time_s,ipc\na,1,1\nb,1\n", ("row 3", "2 values for 3 columns", "ipc")),
        ("arm,time_s,ipc\na,1,1\n,1,1\n", ("row 3", "column arm", "names no arm")),
        ("arm,time_s,ipc\na,1,1\na,2,1\n", ("row 3", "column arm", "row 2 has")),
        ("arm,time_s\na,1\nb,1\n", ("row 1", "no column 'ipc'")),
        ("arm,time_s,ipc,ipc\na,1,1,1\nb,1,1,1\n", ("row 1", "'ipc' occurs twice")),
        (
            "arm,time_s,ipc,cache_miss_percent\na,1,1,120\nb,1,1,3\n",
            ("row 2", "cache_miss_percent", "between 0 and 100"),
        ),
        ("arm,time_s,ipc\na,1,1\n", ("1 arm", "needs two")),
        ("arm,time_s,ipc\na,1_0,1\nb,1,1\n", ("row 2", "time_s", "not a number")),
        ("", ("is empty",)),
    ],
)
def test_a_wrong_table_is_bad_input_with_row_and_column(text: str, said: tuple[str, ...]) -> None:
    with pytest.raises(BadInput) as caught:
        explain_table(text, named="table.csv")
    assert all(part in caught.value.message for part in said), caught.value.message
    assert caught.value.hint
