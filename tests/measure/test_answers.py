"""A row for each input of a batch, whatever shape an output has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from ironlaw.arm import Arm
from ironlaw.errors import ArmFailed
from ironlaw.lines import encode
from ironlaw.measure.answers import MOST_KEPT, answer_probes, asking
from ironlaw.missing import Missing, is_known
from ironlaw.program import Program

PROBES = [(torch.ones(4, 3),), (torch.zeros(4, 3),)]


def answered(infer: Any) -> Any:
    (found,) = answer_probes("arm", Program(infer=infer, inputs=PROBES), PROBES)
    return found


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
    assert answer_probes("arm", program, PROBES)[0].shape == (8, 3)


def test_inputs_of_two_shapes_are_two_facts_that_know_their_inputs() -> None:
    probes = [(torch.ones(1, 3),), (torch.ones(1, 5),), (torch.ones(1, 3),)]
    found = answer_probes("arm", Program(infer=lambda x: x[:, :, None] * torch.ones(2), inputs=probes), probes)
    assert [(fact.probes, fact.forms, fact.input_forms) for fact in found] == [
        ((0, 2), ((3, 2),), ((1, 3),)),
        ((1,), ((5, 2),), ((1, 5),)),
    ]
    assert [fact.following for fact in found] == [1, 0]
    assert len({fact.input_digest for fact in found}) == 1


def test_of_large_outputs_a_part_is_kept_classes_first_and_the_digest_is_of_all() -> None:
    probes = [(torch.zeros(1, 4),)]

    def large(seed: int) -> Any:
        made = torch.randn(1, 3000, generator=torch.Generator().manual_seed(seed))
        made[:, :400] = 0
        return answer_probes("arm", Program(infer=lambda x: (made[:, :10], made), inputs=probes), probes, most=100)[0]

    one, other = large(1), large(2)
    assert one.shape == (1, 100)
    assert (one.width, list(one.kept_places())[:10]) == (3010, list(range(10)))
    assert one.digest != other.digest


def test_an_arm_that_answers_the_first_probes_says_which_and_keeps_the_same_numbers_of_a_row() -> None:
    import numpy as np

    probes = [(np.full((1, 50), number, dtype=np.float32),) for number in range(10)]
    program = Program(infer=lambda x: x.reshape(1, 5, 10), inputs=probes)
    (all_of_them,) = answer_probes("a", program, probes, most=200)
    (some,) = answer_probes("b", program, probes, first=3, most=200)
    assert (some.probes, some.shape[0]) == ((0, 1, 2), 3)
    assert some.shape[1] == all_of_them.shape[1] < 50
    assert some.input_digest == all_of_them.input_digest


def test_outputs_of_a_transformer_by_nine_arms_and_their_experiments_leave_a_recording_below_ten_megabytes() -> None:
    """MiniLM's: 128 positions of 384 numbers, which no compression makes smaller, and one row of 384."""
    import numpy as np

    generator = np.random.default_rng(0)
    probes = [(np.zeros((1, 128), dtype=np.int64),) for _ in range(64)]
    order = asking(Arm.of("fp32"), 9)(())
    experiment = asking(replace(Arm.of("fp32+malloc=retain"), serves=("a cause",)), 9)(())

    def infer(_: Any) -> tuple[Any, Any]:
        return generator.normal(size=(1, 128, 384)), generator.normal(size=(1, 384))

    sizes = []
    for one in (order, experiment):
        made = Program(infer=infer, inputs=probes)
        (fact,) = answer_probes("a", made, probes, first=one.probes, most=MOST_KEPT // one.sharers)
        sizes.append(len(encode(fact, at_s=0.0)))
    assert fact.shape[1] >= 1000, "enough of a row to see a dead column in"
    assert 9 * sizes[0] + 16 * sizes[1] < 9e6, "samples, layers and readings take the rest"
