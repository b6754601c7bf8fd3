"""denormals suspected by code: the same kernel takes longer on other values, where the numbers cannot be looked at."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.arm import Arm
from ironlaw.causes.denormals import CAUSE
from ironlaw.code import InstructionClass, LoopWork
from ironlaw.explanation.account import Category, Code, Executed
from ironlaw.missing import Missing
from ironlaw.observed import Observed
from ironlaw.variant import Variant

ROOT = Code(
    object="_multiarray_umath.so",
    name="FLOAT_sqrt_AVX512F",
    category=Category.ELEMENTWISE,
    instructions=InstructionClass.AVX512,
    work=LoopWork.ARITHMETIC,
)
LOOP = replace(ROOT, object="libpython3.11.so.1.0", name="_PyEval_EvalFrameDefault", category=Category.INTERPRETER,
               instructions=InstructionClass.INTEGER, work=LoopWork.CONTROL)  # fmt: skip
SHAPES = ((1, 64, 56, 56), (1, 64))


def executed(shares: dict[Code, float], samples: int = 1000) -> Executed:
    return Executed(
        samples=samples, replicates=2, classes={}, categories={}, code=tuple(shares.items()), integer_samples=0,
        float_samples=0, adds=Missing("no plain inferences"), kernel_seen=True,
    )  # fmt: skip


def arm(name: str, wall_ns: float, shares: dict[Code, float], variant: str = "given") -> Observed:
    return Observed(
        arm=Arm(name=name, variant=Variant.parse(variant)),
        wall_ns=wall_ns,
        page_faults=0.0,
        checks={},
        census={},
        cpus=1,
        shapes=SHAPES,
        size_bytes=1000,
        executed=executed(shares),
    )


SLOW = arm("tiny", 10e6, {ROOT: 0.9, LOOP: 0.1})
FAST = arm("usual", 2e6, {ROOT: 0.5, LOOP: 0.5})


def test_a_kernel_that_is_slow_by_its_values_is_named_with_how_many_times_as_long_it_takes() -> None:
    said = CAUSE.consistent_beside(SLOW, FAST)
    assert "FLOAT_sqrt_AVX512F takes 9.0 times as long in tiny as in usual" in said  # 9 ms beside 1 ms


def test_the_input_factor_changes_values_alone() -> None:
    random = replace(FAST, arm=Arm(name="fp32+input=random", variant=Variant.parse("fp32+input=random")))
    plain = replace(SLOW, arm=Arm(name="fp32", variant=Variant.parse("fp32")))
    assert CAUSE.consistent_beside(plain, random)


@pytest.mark.parametrize(
    ("slower", "why"),
    [
        (replace(SLOW, shapes=((2, 64, 56, 56), (2, 64))), "twice the inputs"),
        (replace(SLOW, size_bytes=2000), "another model"),
        (replace(SLOW, arm=Arm(name="x", variant=Variant.parse("fp32+threads=2"))), "another level"),
        (replace(SLOW, census={"subnormal_share": 0.0}), "its numbers were looked at, and none is subnormal"),
        (replace(SLOW, executed=Missing("code was not sampled")), "no samples"),
        (replace(SLOW, executed=executed({ROOT: 0.1, LOOP: 0.9})), "the interpreter takes longer"),
        (replace(SLOW, executed=executed({replace(ROOT, name="another"): 0.9, LOOP: 0.1})), "another kernel"),
        (
            replace(SLOW, executed=executed({replace(ROOT, instructions=InstructionClass.SSE): 0.9, LOOP: 0.1})),
            "other instructions",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_reason_for_the_difference_leaves_it_unsuspected(slower: Observed, why: str) -> None:
    assert CAUSE.consistent_beside(slower, FAST) == "", why


def test_without_recorded_shapes_nothing_is_suspected() -> None:
    assert CAUSE.consistent_beside(replace(SLOW, shapes=()), replace(FAST, shapes=())) == ""


def test_counted_operators_must_agree_where_both_are_counted() -> None:
    more = replace(SLOW, census={"operators": 9.0})
    assert CAUSE.consistent_beside(more, replace(FAST, census={"operators": 8.0})) == ""
    assert CAUSE.consistent_beside(more, FAST)


@pytest.mark.parametrize(("samples", "is_suspected"), [(1000, True), (40, False)])
def test_the_counting_error_of_both_arms_must_leave_the_kernel_slower(samples: int, is_suspected: bool) -> None:
    """1.8 ms of 3 beside 1 ms of 2: of 40 samples, 1.3 ms are as likely."""
    slower = replace(SLOW, wall_ns=3e6, executed=executed({ROOT: 0.6, LOOP: 0.4}, samples=samples))
    assert bool(CAUSE.consistent_beside(slower, FAST)) is is_suspected
