"""Generating text, on pages: rates with their intervals, the bytes a token reads, and the reasons for dashes."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from ironlaw.code import InstructionClass
from ironlaw.estimate import Estimate
from ironlaw.explanation import ArmSummary, Explanation
from ironlaw.explanation.account import Category, Executed
from ironlaw.explanation.generation import READING, Generation, RateByThreads, ThreadStep
from ironlaw.missing import Missing
from ironlaw.phase import Phase, PhaseKind
from ironlaw.report.generation import generation_table
from ironlaw.report.html import render
from ironlaw.report.markdown import to_markdown
from ironlaw.report.notebook import to_fragment
from ironlaw.report.terminal.arms import wrapped_name
from ironlaw.report.terminal.generation import show_generation
from ironlaw.report.terminal.verbosity import LeftOut
from tests.report import explanations

GAP = Missing("the machine's ceilings were not measured")


def made(arm: ArmSummary) -> Explanation:
    plan = explanations.plan("a")
    return replace(explanations.with_pmu(), plan=plan, arms=(arm,), comparisons=(), concerns=(), associations=())


def explained(*, share: Estimate | Missing) -> Explanation:
    """One arm that decodes a token in 20 ms and reads 50 MB for it."""
    time = Estimate(value=20e6, low=16e6, high=25e6)
    found = Generation(
        phase=Phase(kind=PhaseKind.DECODE, tokens=32),
        tokens_per_s=Estimate(value=50.0, low=40.0, high=62.5),
        ns_per_token=time,
        first_token_ns=Missing("the tokens before it are processed outside the clock"),
        bytes_per_token=50e6,
        cache_bytes_per_token=2e6,
        macs_per_token=100e6,
        reached={READING: share},
        perplexity=21.3,
        text_tokens=255.0,
        kl_nats=0.012,
    )
    return made(ArmSummary(arm="a", inferences=9, wall_ns=time, generation=found))


def test_a_page_has_rates_bytes_and_the_share_of_the_bandwidth_with_intervals() -> None:
    explanation = explained(share=Estimate(value=0.25, low=0.2, high=0.3))
    text = to_markdown(explanation)
    assert "### Generating text" in text
    assert "| a | 50 [40, 62] | 20 | –¹ | 50.0 | 2.00 | 25 [20, 30] | 21.3 | 0.0120 |" in text
    assert "¹ the tokens before it are processed outside the clock" in text
    assert "Perplexity on 255 tokens of text: a 21.3." in text
    for page in (render(explanation, None), to_fragment(explanation, None)):
        assert "Generating text" in page
        assert '<td class="n">25 [20, 30]</td>' in page
        assert "a reaches 25\u00a0% of the read bandwidth (2.00 products for each byte read)." in page


def test_a_bandwidth_that_is_not_known_is_a_dash_with_its_reason() -> None:
    text = to_markdown(explained(share=GAP))
    assert "| –² |" in text
    assert f"² {GAP.reason}" in text


def test_a_terminal_has_the_reason_for_the_dash_below_its_table() -> None:
    assert (
        f"Share of read bandwidth unknown: {GAP.reason}."
        in generation_table(explained(share=GAP), with_added=False).sentences
    )
    known = generation_table(explained(share=Estimate(value=0.25, low=0.2, high=0.3)), with_added=False)
    assert not [said for said in known.sentences if "unknown" in said]


def test_a_dash_of_one_arm_among_others_names_it() -> None:
    known, gap = (explained(share=share) for share in (Estimate(value=0.25, low=0.2, high=0.3), GAP))
    both = replace(known, arms=(*known.arms, replace(gap.arms[0], arm="b")), plan=explanations.plan("a", "b"))
    assert f"Share of read bandwidth unknown of b: {GAP.reason}." in generation_table(both, with_added=False).sentences


def test_arms_without_a_phase_have_no_such_section() -> None:
    explanation = made(ArmSummary(arm="a", inferences=9, wall_ns=Estimate(value=1e6, low=0.9e6, high=1.1e6)))
    assert "Generating text" not in to_markdown(explanation)
    assert "Generating text" not in render(explanation, None)


def executing() -> Explanation:
    """An arm whose code was sampled, and whose engine's clock agrees."""
    (arm,) = explained(share=GAP).arms
    categories = {
        Category.MATRIX: 0.8, Category.ATTENTION: 0.1, Category.WAITING: 0.06, Category.NORMALIZATION: 0.03,
        Category.OTHER: 0.01,
    }  # fmt: skip
    executed = Executed(
        samples=100, replicates=4, classes={InstructionClass.AVX2: 0.9, InstructionClass.SCALAR: 0.1}, code=(),
        categories=categories, integer_samples=70, float_samples=10, adds=GAP, kernel_seen=True,
    )  # fmt: skip
    assert not isinstance(arm.generation, Missing)
    return made(replace(arm, executed=executed, generation=replace(arm.generation, own_clock=0.99)))


def test_of_an_arm_without_an_account_the_largest_shares_of_its_time_are_named() -> None:
    (said,) = (one for one in generation_table(executing(), with_added=False).sentences if "executed code" in one)
    plain = said.replace("\u00a0", " ")
    assert "matrix kernels 80.0 %, attention 10.0 %, waiting 6.0 %, the rest 4.0 %" in plain
    assert "by instructions: AVX2 90.0 %, scalar 10.0 %." in plain


def test_a_clock_of_the_engine_that_agrees_is_mentioned_where_everything_is() -> None:
    brief, whole = (generation_table(executing(), with_added=is_whole).sentences for is_whole in (False, True))
    assert not any("its engine reports" in one for one in brief)
    assert "a: its engine reports 0.990 of the time that is measured around it." in whole


def test_names_are_broken_so_that_80_columns_hold_the_figures() -> None:
    assert wrapped_name("given@llamacpp+phase=prefill:128 threads=2", 24) == (
        "given@llamacpp\n   +phase=prefill:128\n   threads=2"
    )
    assert wrapped_name("fp32+phase=decode:32 (again)", 24) == "fp32+phase=decode:32\n   (again)"
    assert wrapped_name("fp32+phase=decode:32 (again)", 24, 4) == "fp32+phase=decode:32 (again)"
    assert wrapped_name("int4 (again)", 24) == "int4 (again)"


@pytest.mark.parametrize("factor", [1, 41])
def test_no_figure_is_cut_where_rates_have_many_digits(factor: int) -> None:
    (arm,) = explained(share=Estimate(value=0.01013, low=0.010, high=0.0102)).arms
    found = arm.generation
    assert isinstance(found, Generation)
    rate = Estimate(value=3590.0, low=3550.0, high=3630.0).through(lambda per_s: per_s * factor)
    fast = replace(found, tokens_per_s=rate, first_token_ns=found.ns_per_token)
    explanation = made(replace(arm, arm="level0+phase=prefill:128", generation=fast))
    explanation = replace(explanation, plan=explanations.plan("level0+phase=prefill:128"))
    written = io.StringIO()
    console = Console(width=80, file=written)
    show_generation(explanation, console, is_whole=False, most=None, left=LeftOut())
    shown = written.getvalue()
    assert ("3590 [3550, 3630]" if factor == 1 else "147200 [145600, 148800]") in shown
    assert "bandwidth" in shown
    assert "…" not in shown


@pytest.mark.parametrize(
    ("reading", "fp32", "int8", "said"),
    [
        (0.3, 0.2, 0.1, "; reading is its lowest ceiling."),
        (0.01, 0.5, 0.1, "; arithmetic is its lowest ceiling."),
        (0.3, 0.4, 0.1, "; which ceiling is the lowest depends on the numbers that it multiplies in."),
        (1.3, 0.4, 0.1, "; more than memory gives: its weights come from a cache."),
    ],
)
def test_the_lowest_ceiling_is_the_one_of_which_most_is_reached(
    reading: float, fp32: float, int8: float, said: str
) -> None:
    (arm,) = explained(share=GAP).arms
    assert isinstance(arm.generation, Generation)
    shares = {READING: reading, "fp32": fp32, "int8": int8}
    reached = {name: Estimate(value=one, low=one * 0.9, high=one * 1.1) for name, one in shares.items()}
    explanation = made(replace(arm, generation=replace(arm.generation, reached=reached)))
    assert any(one.endswith(said) for one in generation_table(explanation, with_added=False).sentences)


def test_what_a_second_thread_adds_to_several_arms_is_one_sentence() -> None:
    gains = {"a": (1.4, 1.6), "b": (0.9, 1.3), "c": (0.7, 0.9)}
    rates = tuple(
        RateByThreads(arm=name, steps=(ThreadStep(first=1, second=2, gain=Estimate(value=low, low=low, high=high)),))
        for name, (low, high) in gains.items()
    )
    (first, *_) = generation_table(replace(explained(share=GAP), rates_by_threads=rates), with_added=False).sentences
    assert first.startswith("Tokens/s with 2 threads instead of 1: a 1.4")
    assert first.endswith("b and c are not shown to gain.")
