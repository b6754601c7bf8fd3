"""Inputs of a replay, by their use."""

from __future__ import annotations

from typing import Any

import numpy as np

from ironlaw.measure.replaying.inputs import further_crops, inputs_of
from ironlaw.models import LoadedModel
from ironlaw.models.images import Preprocessing
from ironlaw.models.inputs import from_photos
from ironlaw.replay import Use


def model(calibration: list[Any], probes: list[Any], how: Preprocessing | None = None) -> LoadedModel:
    return LoadedModel(
        name="m", module=None, inputs=probes, calibration=calibration, probes=probes, weights="", preprocessing=how
    )


def numbered(*values: float) -> list[Any]:
    return [(np.full((1, 2), value, np.float32),) for value in values]


def test_probes_that_calibrated_are_neither_chosen_by_nor_held_out() -> None:
    found = inputs_of(model(numbered(0, 1), numbered(1, 2, 3, 4)), None, seed=0)
    chosen, held_out = found.by_use[Use.CHOOSING], found.by_use[Use.HELD_OUT]
    assert [float(one[0][0, 0]) for one in (*chosen, *held_out)] == [2, 4, 3]
    assert not found.notes


def test_where_all_inputs_calibrated_that_is_noted_and_uses_are_still_apart() -> None:
    given = numbered(*range(9))
    found = inputs_of(model(given, given), None, seed=0)
    values = [float(one[0][0, 0]) for some in found.by_use.values() for one in some]
    assert sorted(values) == list(range(9))
    assert "none is held out" in found.notes[0]


def test_further_crops_of_photographs_are_none_of_those_that_calibrated_or_are_probes() -> None:
    how = Preprocessing(resize=20, crop=16)
    examples = from_photos(None, how, batch=1, seed=0)
    crops, photographs = further_crops(model(examples.calibration, examples.probes, how), None, seed=7919, count=32)
    known = {one[0].tobytes() for one in (*examples.calibration, *examples.probes)}
    assert len(crops) == 32
    assert not known & {one[0].tobytes() for one in crops}
    assert [one for row in photographs for one in row] == [place % 10 for place in range(32)]  # ten photographs ship


def test_crops_of_photographs_are_said_to_depend_on_each_other() -> None:
    image = [(np.zeros((1, 3, 8, 8), np.float32),)]
    found = inputs_of(model(image, image, Preprocessing(crop=8, resize=8)), None, seed=0)
    assert any("depend on each other" in note for note in found.notes)


def test_what_a_tool_may_choose_by_is_none_of_the_held_out_inputs() -> None:
    for calibration, probes in ((numbered(0, 1), numbered(1, 2, 3, 4)), (numbered(*range(9)), numbered(*range(9)))):
        made = model(calibration, probes)
        used = {one[0].tobytes() for one in made.to_choose_by}
        held_out = inputs_of(made, None, seed=0).by_use[Use.HELD_OUT]
        assert used
        assert held_out
        assert not used & {one[0].tobytes() for one in held_out}
