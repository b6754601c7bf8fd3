"""Each rule takes the example it was made from, and nothing that an earlier rule should have."""

from __future__ import annotations

import pytest

from ironlaw.account import Category
from ironlaw.analysis.account.categories import RULES, CategoryRule, category_of
from ironlaw.code import CodeSite, InstructionClass, LoopWork, SampleMode


def example(rule: CategoryRule) -> CodeSite:
    """The site a rule was made from; `near` rules are about sites without a symbol of their own."""
    name, symbol = rule.example
    return CodeSite(
        object=name,
        symbol="" if rule.near else symbol,
        near=symbol if rule.near else "",
        offset=0,
        instructions=rule.instructions[0] if rule.instructions else InstructionClass.AVX2,
        work=rule.work[0] if rule.work else LoopWork.UNKNOWN,
        mode=rule.mode,
        count=1,
    )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.category.value}: {rule.example[1]}")
def test_a_rule_takes_its_example_before_any_other_rule_does(rule: CategoryRule) -> None:
    taken_by = next(one for one in RULES if one.takes(example(rule)))
    assert taken_by is rule


def test_what_no_rule_takes_is_other() -> None:
    site = CodeSite(
        object="libmine.so", symbol="work", offset=0, instructions=InstructionClass.INTEGER, work=LoopWork.CONTROL,
        mode=SampleMode.USER, count=1,
    )  # fmt: skip
    assert category_of(site) is Category.OTHER
