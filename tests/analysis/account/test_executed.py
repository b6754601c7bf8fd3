"""What one arm executed: which samples count, what is known of the kernel, and how code is named."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ironlaw.analysis.account.difference import account
from ironlaw.analysis.account.executed import FEWEST_OF_REPLICATE, FEWEST_SAMPLES, Sampled
from ironlaw.code import CodeSamples, CodeSite, InstructionClass, LoopWork, SampleMode
from ironlaw.explanation.account import Category
from ironlaw.missing import Missing
from tests.analysis.account.test_difference import of, samples


def known(facts: list[CodeSamples]) -> Sampled:
    found = of("control", facts)
    assert not isinstance(found, Missing)
    return found


def test_a_replicate_with_too_few_samples_has_no_shares() -> None:
    facts = [
        samples("control", {"gemm": 100}, replicate=0),
        samples("control", {"malloc": FEWEST_OF_REPLICATE}, replicate=1),
    ]
    facts.append(samples("control", {"norm": FEWEST_OF_REPLICATE - 1}, replicate=2))
    found = known(facts)
    assert found.replicates == (0, 1)
    assert found.executed.samples == 100 + FEWEST_OF_REPLICATE
    assert Category.NORMALIZATION not in found.executed.categories


def test_few_samples_in_each_of_many_replicates_are_enough_and_in_all_together_are_not() -> None:
    each = FEWEST_OF_REPLICATE + 3
    facts = [samples("control", {"gemm": each - 1, "malloc": replicate}, replicate=replicate) for replicate in range(3)]
    assert known(facts).executed.samples == 3 * each
    few = of("control", facts[:1])
    assert isinstance(few, Missing)
    assert f"fewer than {FEWEST_SAMPLES} samples" in few.reason


def test_the_kernel_was_seen_only_where_every_turn_saw_it() -> None:
    """One that did not would count the kernel's time as that of user code."""
    seen, unseen = (replace(samples("control", {"gemm": 100}, replicate=r), kernel_seen=r == 0) for r in range(2))
    assert known([seen]).executed.kernel_seen
    found = of("control", [seen, unseen])
    assert isinstance(found, Missing)
    assert "the kernel's code was not sampled" in found.reason


def test_threads_that_were_not_sampled_are_no_part_of_the_code_that_was() -> None:
    facts = [replace(samples("control", {"gemm": 100}, replicate=r), wall_ns=1000, cpu_ns=1000) for r in range(3)]
    whole = known(facts).executed.categories
    half = known([replace(fact, unsampled_ns=500) for fact in facts]).executed
    assert half.categories[Category.MATRIX] == pytest.approx(whole[Category.MATRIX] / 2)
    assert half.categories[Category.OTHER] == pytest.approx(0.5)
    assert half.code[0][0].object == "[threads that were not sampled]"
    assert sum(half.categories.values()) == pytest.approx(1.0)


def test_what_sampling_adds_is_a_share_of_the_time_without_it() -> None:
    facts = [replace(samples("control", {"gemm": 100}, replicate=r), wall_ns=1_500, plain_ns=1_000) for r in range(3)]
    adds = known(facts).executed.adds
    assert not isinstance(adds, Missing)
    assert adds.value == pytest.approx(0.5)


def test_a_generated_kernel_has_one_name_in_every_process() -> None:
    """oneDNN numbers what it generates, by a count of its own in each process."""

    def turn(number: int) -> CodeSamples:
        site = CodeSite(
            object="[generated]", symbol=f"jit_brgemm_kernel_t.{number}", offset=0, instructions=InstructionClass.VNNI,
            work=LoopWork.INTEGER_MULTIPLY_ADD, mode=SampleMode.USER, count=50,
        )  # fmt: skip
        return replace(samples("control", {}, replicate=number), sites=(site,))

    ((code, share),) = known([turn(number) for number in range(3)]).executed.code
    assert code.name == "jit_brgemm_kernel_t"
    assert share == pytest.approx(1.0)


def test_no_time_of_an_arm_is_below_zero() -> None:
    rows = [{"gemm": 400, "malloc": 20}, {"gemm": 400}, {"gemm": 400}]
    arm = known([samples("control", row, replicate=r) for r, row in enumerate(rows)])
    found = account(arm, arm, control_ns=1e6, changed_ns=1e6)
    assert not isinstance(found, Missing)
    (row,) = [row for row in found.rows if row.category is Category.ALLOCATOR]
    assert row.control_ns.low == row.changed_ns.low == 0.0
    assert row.saved_ns.low < 0.0 < row.saved_ns.high


def test_arms_that_share_no_replicate_have_the_errors_of_both() -> None:
    one = known([samples("control", {"gemm": 50, "malloc": 50}, replicate=0)])
    other = known([samples("control", {"gemm": 30, "malloc": 30}, replicate=1)])

    def half(control: Sampled, changed: Sampled) -> float:
        found = account(control, changed, control_ns=1e6, changed_ns=1e6)
        assert not isinstance(found, Missing)
        saved = found.rows[0].saved_ns
        return (saved.high - saved.low) / 2

    # Two equal errors add up in squares; which arm is called control does not matter.
    same = replace(one, replicates=(1,))
    assert half(one, other) == pytest.approx(half(other, one))
    assert half(one, other) == pytest.approx(
        math.hypot(half(one, same), half(other, replace(other, replicates=(2,)))) / math.sqrt(2)
    )
