"""Compilations of a program of one's own: counted, and left out once it has seen its inputs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from ironlaw.errors import ArmFailed
from ironlaw.factors.compilation import FACTOR
from ironlaw.measure.compilations import compilations, graph_breaks, since
from ironlaw.missing import Missing
from ironlaw.program import Program


@pytest.fixture(autouse=True)
def compiler_as_it_was() -> Iterator[None]:
    yield
    if "torch._dynamo" in sys.modules:
        torch.compiler.set_stance("default")
        torch._dynamo.config.assume_static_by_default = True
        torch._dynamo.reset()


def compiled(function: Any, **how: Any) -> Program:
    """Compiled without generating code, for two lengths."""
    made = torch.compile(function, backend="eager", **how)
    return Program(infer=made, inputs=[(torch.ones(4),), (torch.ones(5),)])


def frames() -> int:
    counted = compilations()
    assert not isinstance(counted, Missing)
    return counted


def test_each_length_is_a_compilation_and_none_after_the_compiler_was_stopped() -> None:
    arm = compiled(lambda x: x + 1, dynamic=False)
    before = frames()
    FACTOR.change("eager-on-recompile", arm)
    assert frames() - before == 2
    arm.infer(torch.ones(6))
    assert frames() - before == 2
    assert FACTOR.read_back("eager-on-recompile", arm) == "the compiler's stance is eager_on_recompile"


def test_open_sizes_take_one_compilation() -> None:
    arm = FACTOR.change("dynamic-shapes", compiled(lambda x: x * 2))
    before = frames()
    for arguments in arm.inputs:
        arm.infer(*arguments)
    assert frames() - before == 1


def test_what_is_left_to_python_is_counted() -> None:
    def broken(x: torch.Tensor) -> torch.Tensor:
        y = x + 1
        torch._dynamo.graph_break()
        return y * 2

    before = graph_breaks()
    compiled(broken).infer(torch.ones(3))
    after = graph_breaks()
    assert isinstance(since(before, after), int)
    assert since(before, after) == 1


def test_a_program_that_compiles_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch._dynamo", raising=False)
    with pytest.raises(ArmFailed, match=r"does not call torch\.compile"):
        FACTOR.change("eager-on-recompile", Program(infer=len, inputs=[([1],)]))


def test_a_count_that_fell_was_begun_again() -> None:
    assert since(5, 2) == 2
    assert since(5, 7) == 2
    assert since(Missing("why"), 7) == Missing("why")
