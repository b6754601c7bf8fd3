"""Weights that are converted in every call: which, and what converting them once leaves as it was."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from ironlaw.errors import ArmFailed
from ironlaw.factors.casts import FACTOR, watched
from ironlaw.measure.census import take_census
from ironlaw.program import Program


class Converting(nn.Module):
    """Multiplies by one weight in bfloat16, and by another one in float32 as well."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.narrow = nn.Parameter(torch.randn(16, 16))
        self.both = nn.Parameter(torch.randn(16, 16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        half = x.to(torch.bfloat16) @ self.narrow.t().to(torch.bfloat16)
        again = half @ self.both.to(torch.bfloat16)
        return again.float() @ self.both


class Autocast(nn.Module):
    """Enters autocast in its own forward."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 16)

    def forward(self, x: torch.Tensor) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.layer(self.layer(x))


def program(module: nn.Module) -> Program:
    return Program(infer=module, module=module, inputs=[(torch.ones(2, 16),)], guard=torch.inference_mode)


def test_a_weight_that_is_read_in_two_formats_stays_and_the_other_is_converted_once() -> None:
    arm = program(Converting())
    assert watched(arm).count == 2
    before = arm.answer(*arm.inputs[0])
    FACTOR.change("once", arm)
    assert isinstance(arm.module, Converting)
    assert (arm.module.narrow.dtype, arm.module.both.dtype) == (torch.bfloat16, torch.float32)
    assert torch.equal(arm.answer(*arm.inputs[0]), before)
    assert FACTOR.read_back("once", arm) == "1 weights converted in a call"


def test_weights_under_autocast_are_found_by_the_census_and_none_is_left_afterwards() -> None:
    arm = program(Autocast())
    counts = take_census(arm).counts
    assert (counts["weight_casts"], counts["weight_cast_bytes"]) == (2.0, 2.0 * (16 * 16 + 16))
    FACTOR.change("once", arm)
    assert take_census(arm).counts["weight_casts"] == 0.0


def test_activations_that_are_widened_are_counted_and_an_output_is_not() -> None:
    assert take_census(program(Converting())).counts["half_casts"] == 1.0
    assert take_census(program(nn.Linear(16, 16))).counts["half_casts"] == 0.0


def test_a_model_that_converts_nothing_is_refused() -> None:
    with pytest.raises(ArmFailed, match="converts no weight"):
        FACTOR.change("once", program(nn.Linear(16, 16)))


def test_a_callable_without_a_module_is_refused() -> None:
    with pytest.raises(ArmFailed, match="torch modules"):
        FACTOR.change("once", Program(infer=len, inputs=[([1],)]))


class Pipeline:
    """Not a module: holds one, and enters autocast around each call."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.layer = nn.Linear(16, 16)

    def __call__(self, x: torch.Tensor) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.layer(x)


def closure() -> Any:
    pipeline = Pipeline()
    return lambda x: pipeline(x) + 0


@pytest.mark.parametrize("made", [Pipeline, closure, lambda: partial(Pipeline().__call__), lambda: Pipeline().__call__])
def test_weights_of_a_callable_that_is_no_module_are_found_and_converted_once(made: Callable[[], Any]) -> None:
    arm = Program(infer=made(), inputs=[(torch.ones(2, 16),)])
    assert take_census(arm).counts["weight_casts"] == 2
    before = arm.answer(*arm.inputs[0])
    FACTOR.change("once", arm)
    assert torch.equal(arm.answer(*arm.inputs[0]), before)
    assert FACTOR.read_back("once", arm) == "0 weights converted in a call"


def test_of_a_callable_without_modules_nothing_is_known() -> None:
    arm = Program(infer=lambda x: x.to(torch.bfloat16), inputs=[(torch.ones(2, 16),)])
    assert "weight_casts" not in take_census(arm).counts
    with pytest.raises(ArmFailed, match="only the weights of torch modules"):
        FACTOR.change("once", arm)
