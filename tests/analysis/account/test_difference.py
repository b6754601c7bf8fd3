"""The account adds up, is empty between equal arms, and puts a difference where the script put it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from benchmarks.account_rows import CATEGORIES, KEPT, SHARES, SPREADS, drawn, simulated
from hypothesis import given, settings
from hypothesis import strategies as st

from ironlaw.analysis.account.difference import account
from ironlaw.analysis.account.executed import Sampled, sampled
from ironlaw.code import CodeSamples, CodeSite, InstructionClass, LoopWork, SampledBy, SampleMode
from ironlaw.explanation.account import Category
from ironlaw.missing import Maybe, Missing
from tests.analysis.stated import Law, Noise, recording

SYMBOLS = {
    "gemm": ("libtorch_cpu.so", "mkl_blas_avx512_sgemm_kernel_0_b0", InstructionClass.AVX512, LoopWork.MULTIPLY_ADD),
    "vnni": ("[generated]", "jit_brgemm_kernel_t.3", InstructionClass.VNNI, LoopWork.INTEGER_MULTIPLY_ADD),
    "norm": ("libtorch_cpu.so", "at::native::batch_norm_cpu_kernel()", InstructionClass.AVX2, LoopWork.MULTIPLY_ADD),
    "malloc": ("libc.so.6", "malloc", InstructionClass.INTEGER, LoopWork.CONTROL),
}


def site(name: str, count: int) -> CodeSite:
    where, symbol, instructions, work = SYMBOLS[name]
    return CodeSite(
        object=where, symbol=symbol, offset=0, instructions=instructions, work=work, mode=SampleMode.USER, count=count
    )


def samples(arm: str, counts: dict[str, int], *, replicate: int = 0, busy: float = 1.0) -> CodeSamples:
    return CodeSamples(
        arm=arm, replicate=replicate, round=0, inferences=1, wall_ns=10**9, plain_ns=0, cpu_ns=round(busy * 1e9),
        period_ns=3_000_017, by=SampledBy.CPU_CLOCK, sites=tuple(site(name, count) for name, count in counts.items()),
    )  # fmt: skip


def of(arm: str, facts: list[CodeSamples]) -> Maybe[Sampled]:
    base = recording({"control": Law(), "changed": Law()}, Noise())
    return sampled(replace(base, code_samples=tuple(facts)), arm, None)


counts = st.dictionaries(st.sampled_from(sorted(SYMBOLS)), st.integers(20, 500), min_size=2)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    control=st.lists(counts, min_size=2, max_size=6),
    changed=st.lists(counts, min_size=2, max_size=6),
    busy=st.floats(0.2, 1.0),
    times=st.tuples(st.floats(1e3, 1e9), st.floats(1e3, 1e9)),
)
def test_rows_add_up_to_the_times_and_to_their_difference(
    control: list[dict[str, int]], changed: list[dict[str, int]], busy: float, times: tuple[float, float]
) -> None:
    one = of("control", [samples("control", row, replicate=r, busy=busy) for r, row in enumerate(control)])
    other = of("changed", [samples("changed", row, replicate=r) for r, row in enumerate(changed)])
    found = account(one, other, control_ns=times[0], changed_ns=times[1])
    assert not isinstance(found, Missing)
    assert math.isclose(math.fsum(row.control_ns.value for row in found.rows), times[0], rel_tol=1e-9)
    assert math.isclose(math.fsum(row.changed_ns.value for row in found.rows), times[1], rel_tol=1e-9)
    saved = math.fsum(row.saved_ns.value for row in found.rows)
    assert math.isclose(saved, found.total_ns, rel_tol=1e-9, abs_tol=1e-9 * max(times))


@pytest.mark.parametrize(
    ("code", "budget_s", "was_cut", "expected"),
    [
        (False, 20.0, False, "code was not sampled"),
        (True, 20.0, False, "the budget of 20 s left no time to sample code"),
        (True, 20.0, True, "the recording ends before code was sampled"),
    ],
)
def test_without_samples_the_reason_is_the_run_s(code: bool, budget_s: float, was_cut: bool, expected: str) -> None:
    base = recording({"control": Law(), "changed": Law()}, Noise())
    plan = replace(base.plan, code=code, schedule=replace(base.plan.schedule, inferences=None, budget_s=budget_s))
    assert sampled(replace(base, plans=(plan,), was_cut=was_cut), "control", None) == Missing(expected)


def test_time_off_the_cpu_is_waiting() -> None:
    arm = of("control", [samples("control", {"gemm": 100}, replicate=r, busy=0.75) for r in range(3)])
    assert not isinstance(arm, Missing)
    assert arm.executed.categories[Category.WAITING] == pytest.approx(0.25)


def test_a_row_of_two_equal_arms_never_excludes_zero() -> None:
    rows = [{"gemm": 300, "norm": 100}, {"gemm": 310, "norm": 92}, {"gemm": 290, "norm": 111}]
    one = of("control", [samples("control", row, replicate=r) for r, row in enumerate(rows)])
    other = of("changed", [samples("changed", row, replicate=r) for r, row in enumerate(reversed(rows))])
    found = account(one, other, control_ns=1e6, changed_ns=1e6)
    assert not isinstance(found, Missing)
    assert not any(row.saved_ns.excludes(0.0) for row in found.rows)


def test_a_category_that_one_arm_alone_has_is_its_whole_difference() -> None:
    one = of("control", [samples("control", {"gemm": 600, "norm": 200}, replicate=r) for r in range(4)])
    other = of("changed", [samples("changed", {"vnni": 600}, replicate=r) for r in range(4)])
    found = account(one, other, control_ns=8e6, changed_ns=2e6)
    assert not isinstance(found, Missing)
    saved = {(row.category, row.instructions): row.saved_ns for row in found.rows}
    assert saved[Category.MATRIX, InstructionClass.AVX512].value == pytest.approx(6e6)
    assert saved[Category.MATRIX, InstructionClass.VNNI].value == pytest.approx(-2e6)
    assert saved[Category.NORMALIZATION, None].value == pytest.approx(2e6)
    assert saved[Category.NORMALIZATION, None].excludes(0.0)


def test_without_samples_the_account_is_missing_with_the_reason() -> None:
    refused = CodeSamples(
        arm="control", replicate=0, round=0, inferences=1, wall_ns=1, plain_ns=0, cpu_ns=0, period_ns=1,
        by=SampledBy.CPU_CLOCK, sites=Missing("the kernel refused"),
    )  # fmt: skip
    assert of("control", [refused]) == Missing("the kernel refused")
    assert account(Missing("why"), Missing("no"), control_ns=1.0, changed_ns=1.0) == Missing("why")


@settings(max_examples=50, derandomize=True, deadline=None)
@given(control=st.lists(counts, min_size=2, max_size=5), changed=st.lists(counts, min_size=2, max_size=5))
def test_an_account_the_other_way_round_saves_the_opposite(
    control: list[dict[str, int]], changed: list[dict[str, int]]
) -> None:
    one = of("control", [samples("control", row, replicate=r) for r, row in enumerate(control)])
    other = of("changed", [samples("changed", row, replicate=r) for r, row in enumerate(changed)])
    there = account(one, other, control_ns=8e6, changed_ns=3e6)
    back = account(other, one, control_ns=3e6, changed_ns=8e6)
    assert not isinstance(there, Missing)
    assert not isinstance(back, Missing)
    saved = {(row.category, row.instructions): row.saved_ns for row in there.rows}
    for row in back.rows:
        before = saved[row.category, row.instructions]
        assert (row.saved_ns.value, row.saved_ns.low, row.saved_ns.high) == pytest.approx(
            (-before.value, -before.high, -before.low)
        )


def test_categories_as_a_whole_are_the_sums_of_their_rows_and_name_their_classes() -> None:
    one = of("control", [samples("control", {"gemm": 600, "norm": 200}, replicate=r) for r in range(4)])
    other = of("changed", [samples("changed", {"vnni": 500, "gemm": 20, "norm": 80}, replicate=r) for r in range(4)])
    found = account(one, other, control_ns=8e6, changed_ns=2e6)
    assert not isinstance(found, Missing)
    for row in found.categories:
        parts = [part.saved_ns.value for part in found.rows if part.category is row.category]
        assert row.saved_ns.value == pytest.approx(math.fsum(parts))
    matrix = next(row for row in found.categories if row.category is Category.MATRIX)
    assert matrix.control == (InstructionClass.AVX512,)
    assert matrix.changed == (InstructionClass.VNNI,), "a class with less than a tenth of it is not named"


@pytest.mark.parametrize(("replicates", "spread"), [(2, "none"), (8, "none"), (8, "20 %")])
def test_the_interval_of_a_row_in_one_arm_holds_as_often_as_it_says(replicates: int, spread: str) -> None:
    generator, inside, rows = np.random.default_rng(18), 0, 0
    for _ in range(150):
        arm, _ = drawn(SHARES, SPREADS[spread], generator.normal(0, 0.03, replicates), generator)
        found = account(arm, arm, control_ns=1.0, changed_ns=1.0)
        assert not isinstance(found, Missing)
        times = {row.category: row.control_ns for row in found.rows}
        inside += sum(times[one].low <= share <= times[one].high for one, share in zip(CATEGORIES, SHARES, strict=True))
        rows += len(times)
    assert inside / rows >= 0.93


@pytest.mark.parametrize(("replicates", "spread"), [(3, "20 %"), (5, "5 to 50 %"), (12, "none")])
def test_two_equal_arms_differ_in_any_row_in_five_per_cent_of_comparisons_at_most(replicates: int, spread: str) -> None:
    tally = simulated(replicates, SPREADS[spread], np.ones(11), runs=150)
    assert tally.with_any / tally.comparisons <= 0.05


def test_intervals_of_all_rows_together_hold_and_show_what_differs() -> None:
    tally = simulated(8, SPREADS["20 %"], KEPT, runs=150)
    assert tally.with_any / tally.comparisons <= 0.08
    assert tally.found / tally.differing > 0.3, "Bonferroni alone shows a quarter"


def test_the_error_of_the_clock_is_in_an_account_of_one_category() -> None:
    """All samples in one category: its share is certain, and its time as uncertain as the clock's."""
    one = of("control", [samples("control", {"gemm": 500}, replicate=r) for r in range(4)])
    assert not isinstance(one, Missing)
    spread = replace(one, relative=np.array([0.8, 1.2, 0.9, 1.1]))
    found = account(spread, one, control_ns=1e6, changed_ns=1e6)
    assert not isinstance(found, Missing)
    assert found.rows[0].saved_ns.half_width > 0.2e6


def test_without_the_kernel_s_code_and_its_share_there_is_no_account() -> None:
    facts = [replace(samples("control", {"gemm": 100}, replicate=r), kernel_seen=False) for r in range(3)]
    found = of("control", facts)
    assert isinstance(found, Missing)
    assert "its share of the CPU time is not known" in found.reason
