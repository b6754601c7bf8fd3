"""The interpreter's share divided among Python functions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.analysis.account.python_functions import FEWEST_SAMPLES, shares_of_functions
from ironlaw.code import CodeSamples, PythonFunction, SampledBy
from ironlaw.missing import Maybe, Missing


def turn(functions: Maybe[tuple[PythonFunction, ...]]) -> CodeSamples:
    return CodeSamples(
        arm="a", replicate=0, round=0, inferences=1, wall_ns=1, plain_ns=0, cpu_ns=1, period_ns=1,
        by=SampledBy.CPU_CLOCK, functions=functions,
    )  # fmt: skip


def counted(**counts: int) -> tuple[PythonFunction, ...]:
    return tuple(PythonFunction(name=name, file="net.py", count=count) for name, count in counts.items())


def test_shares_are_in_proportion_to_the_samples_of_all_replicates() -> None:
    found = shares_of_functions([turn(counted(one=20, other=10)), turn(counted(other=70))], 0.2)
    assert not isinstance(found, Missing)
    assert [one.name for one in found] == ["other", "one"]
    assert [one.share for one in found] == pytest.approx([0.16, 0.04])


@given(st.lists(st.integers(FEWEST_SAMPLES, 10_000), min_size=1, max_size=9), st.floats(0, 1))
def test_the_shares_add_up_to_that_of_the_interpreter(counts: list[int], share: float) -> None:
    found = shares_of_functions([turn(counted(**{f"f{place}": count for place, count in enumerate(counts)}))], share)
    assert not isinstance(found, Missing)
    assert sum(one.share for one in found) == pytest.approx(share)


def test_too_few_samples_divide_nothing_and_a_missing_reason_stays() -> None:
    few = shares_of_functions([turn(counted(one=FEWEST_SAMPLES - 1))], 0.2)
    assert isinstance(few, Missing)
    assert str(FEWEST_SAMPLES) in few.reason
    old = Missing("Python 3.11.7 names its functions for no profiler")
    assert shares_of_functions([turn(old)], 0.2) == old
    assert isinstance(shares_of_functions([], 0.2), Missing)
