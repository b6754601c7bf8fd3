"""A row for each input of a batch, whatever shape an output has."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ironlaw.errors import ArmFailed
from ironlaw.measure.answers import answer_probes
from ironlaw.missing import Missing, is_known
from ironlaw.program import Program

PROBES = [(torch.ones(4, 3),), (torch.zeros(4, 3),)]


def answered(infer: Any) -> Any:
    return answer_probes("arm", Program(infer=infer, inputs=PROBES), PROBES)


def test_a_batch_of_four_is_four_rows_of_classes() -> None:
    found = answered(lambda x: x)
    assert (found.shape, found.classes) == ((8, 3), 3)


def test_only_the_first_of_several_outputs_holds_classes() -> None:
    found = answered(lambda x: {"logits": x, "pooled": x.sum(1)})
    assert (found.shape, found.classes) == ((8, 4), 3)


def test_a_sequence_per_input_is_no_class() -> None:
    found = answered(lambda x: x[:, :, None].expand(4, 3, 5))
    assert found.shape == (8, 15)
    assert isinstance(found.classes, Missing)


def test_an_output_that_is_not_one_per_input_is_one_row() -> None:
    found = answered(lambda x: x.sum(0))
    assert found.shape == (2, 3)
    assert not is_known(found.classes)


def test_an_output_without_arrays_is_refused_with_its_type() -> None:
    with pytest.raises(ArmFailed, match="the output is a str"):
        answered(lambda x: "yes")


def test_an_engine_that_takes_other_things_than_tensors_is_fed_them() -> None:
    program = Program(infer=lambda array: array * 2, feed=lambda x: (x.numpy(),), inputs=PROBES)
    assert answer_probes("arm", program, PROBES).shape == (8, 3)
