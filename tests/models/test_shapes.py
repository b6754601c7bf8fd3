"""Inputs of several shapes: what is left open for an exporter, and that one shape's program is not taken for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from ironlaw.errors import ArmFailed
from ironlaw.models import LoadedModel, shapes

LONG, SHORT = (torch.ones(1, 8),), (torch.ones(1, 5),)


class Doubling(nn.Module):
    def forward(self, x: torch.Tensor, by: int = 2) -> torch.Tensor:
        return x * by


def model(*inputs: tuple[Any, ...]) -> LoadedModel:
    return LoadedModel(
        name="net", module=Doubling(), inputs=list(inputs), calibration=[], probes=[*inputs], weights="none"
    )


def opened(*inputs: tuple[Any, ...]) -> Any:
    return shapes.dynamic_shapes(Doubling(), inputs[0], model(*inputs))


def test_only_the_sizes_that_differ_are_left_open() -> None:
    assert opened(SHORT, LONG) == {"x": {1: torch.export.Dim.DYNAMIC}}


def test_inputs_of_one_shape_leave_nothing_open() -> None:
    assert opened(SHORT, SHORT) is None


def test_a_size_of_one_is_not_exported_with_since_it_would_be_taken_as_fixed() -> None:
    single = (torch.ones(1, 1),)
    assert shapes.example(model(single, LONG, SHORT)) is LONG
    assert shapes.example(model(single, single)) is single


@pytest.mark.parametrize(
    ("second", "reason"),
    [((torch.ones(8),), "differ in rank"), ((torch.ones(1, 5), 3), "no tensor differs")],
)
def test_what_no_open_size_can_stand_for_is_refused(second: tuple[Any, ...], reason: str) -> None:
    first = (torch.ones(1, 5), 2) if len(second) == 2 else SHORT
    with pytest.raises(ArmFailed, match=reason):
        opened(first, second)


def test_a_few_of_very_many_shapes_are_tried_with_smallest_and_largest_among_them() -> None:
    inputs = [(torch.ones(1, length),) for length in range(40, 2, -1)]
    tried = [arguments[0].shape[1] for arguments in shapes.of_each_shape(inputs)]
    assert (len(tried), tried[0], tried[-1]) == (shapes.MOST_TRIED, 3, 40)
    assert tried == sorted(tried)


@pytest.mark.parametrize(
    ("infer", "reason"),
    [
        (lambda x: (x * 2)[:, :5], "shapes"),
        (lambda x: torch.cat((x[:, :5] * 2, x[:, 5:] * 0), 1), "output 0 differs by 61 %"),
        (lambda x: (x * 2).view(1, 5), "does not take inputs of shape 1x8"),
    ],
)
def test_a_program_of_one_shape_is_refused_with_the_shape(infer: Callable[..., Any], reason: str) -> None:
    with pytest.raises(ArmFailed, match=reason) as failed:
        shapes.refuse_fixed_shape(infer, Doubling(), [SHORT, LONG])
    assert "1x8" in failed.value.message


def test_rounding_is_no_other_answer_and_one_shape_is_not_tried() -> None:
    shapes.refuse_fixed_shape(lambda x: x.to(torch.bfloat16).float() * 2.01, Doubling(), [SHORT, LONG])
    shapes.refuse_fixed_shape(lambda x: x * 0, Doubling(), [SHORT, SHORT])
