"""The limits of surgery on a model are checked in one place for every engine."""

from __future__ import annotations

import numpy as np
import pytest

from ironlaw.engines.border.change import Changed, steps_of
from ironlaw.errors import ArmFailed
from ironlaw.variant import Variant

BEFORE = [np.array([3.0, 4.0])]


def changed() -> Changed:
    return Changed(done={"float-ops": "2 of 3 products in float"})


def test_an_accepted_change_reports_how_close_the_outputs_stay() -> None:
    made = changed()
    made.accept(BEFORE, [np.array([4.0, 3.0])], is_same=False, engine="it")
    assert made.notes == ("float-ops: 2 of 3 products in float; cosine with the outputs before 0.9600",)


def test_a_change_that_leaves_the_operators_as_they_are_is_refused() -> None:
    with pytest.raises(ArmFailed, match="float-ops changes the model, but it still runs the same operators"):
        changed().accept(BEFORE, BEFORE, is_same=True, engine="it")


def test_a_change_that_turns_the_outputs_is_refused() -> None:
    with pytest.raises(ArmFailed, match=r"cosine of 0\.000"):
        changed().accept(BEFORE, [np.array([4.0, -3.0])], is_same=False, engine="it")


def test_steps_are_taken_in_the_order_of_the_engine() -> None:
    variant = Variant.parse("int8@onnxruntime+float-ops=Conv+activation-ranges=fixed")
    known = ("activation-ranges", "half", "float-ops")
    assert steps_of(variant, known) == [("activation-ranges", "fixed"), ("float-ops", "Conv")]
