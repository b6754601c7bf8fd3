"""Aliased weights, and the same numbers in memory of their own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ironlaw.factors.weights import FACTOR, Memory, memory_of, with_own_memory
from ironlaw.program import Program


def two_layers() -> Program:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(512, 512), nn.Tanh(), nn.Linear(512, 512)).eval()
    inputs: list[tuple[Any, ...]] = [(torch.ones(1, 512),)]
    return Program(infer=net, inputs=inputs, module=net)


@pytest.mark.parametrize(
    ("level", "memory", "other"),
    [
        ("own", Memory(), ""),
        ("mapped", Memory(), ""),
        ("aliased", Memory(period=256 << 10, is_shared=True), "repeated"),
        ("aliased:16", Memory(period=16 << 10, is_shared=True), "repeated:16"),
        ("repeated:16", Memory(period=16 << 10), ""),
    ],
)
def test_a_level_says_how_often_numbers_repeat_and_whether_they_share_memory(
    level: str, memory: Memory, other: str
) -> None:
    assert FACTOR.accepts(level)
    assert memory_of(level) == memory
    assert with_own_memory(level) == other


def test_repeated_weights_are_the_numbers_of_aliased_ones_in_memory_of_their_own() -> None:
    plain = two_layers()
    before = plain.infer(*plain.inputs[0])
    aliased, repeated = (FACTOR.change(level, two_layers()) for level in ("aliased", "repeated"))
    answers = [one.infer(*one.inputs[0]) for one in (aliased, repeated)]
    assert aliased.module is not None
    assert repeated.module is not None
    pairs = zip(aliased.module.parameters(), repeated.module.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)
    torch.testing.assert_close(*answers)  # a product's rounding can depend on the threads that a busy machine gives
    assert not torch.allclose(before, answers[0])
    assert FACTOR.read_back("aliased", aliased) == "2.1 MB of weights over 0.26 MB of memory"
    assert FACTOR.read_back("repeated", repeated) == "2.1 MB of weights over 2.10 MB of memory"
    for program, is_shared in ((aliased, True), (repeated, False)):
        assert program.module is not None
        first, _, second = program.module
        with torch.no_grad():
            first.weight[0, 0] = 3.0
        # The second matrix begins four frames behind the first.
        assert (second.weight.detach()[0, 0].item() == 3.0) == is_shared
