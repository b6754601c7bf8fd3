"""Values of a tensor against its range."""

from __future__ import annotations

import numpy as np

from ironlaw.measure.replaying.tensors import Watch
from ironlaw.replay import Use
from ironlaw.replayer import Rounding

STEP = Rounding(name="x", scale=0.5, zero=2, least=0, most=10)  # from -1 to 4


def test_values_beyond_the_ends_are_clipped_and_those_that_round_to_them_are_not() -> None:
    watch = Watch(STEP)
    watch.add(np.array([-1.2, -1.3, 4.2, 4.3], np.float32), Use.HELD_OUT)
    assert watch.tensor().clipped == {Use.HELD_OUT: 0.5}


def test_a_few_large_values_stretch_the_range_beyond_the_usual() -> None:
    watch = Watch(STEP)
    values = np.ones(4000, np.float32)
    values[0] = 50
    watch.add(values, Use.CALIBRATING)
    assert watch.tensor().largest == 50
    assert watch.tensor().usual == 1


def test_a_channel_with_one_code_and_several_values_is_dead() -> None:
    watch = Watch(STEP)
    image = np.zeros((1, 3, 2, 2), np.float32)
    image[0, 0] = [[0.0, 0.1], [0.05, 0.02]]  # less than a step apart
    image[0, 1] = [[0.0, 2.0], [1.0, 3.0]]
    image[0, 2] = 1.0  # constant in float as well
    watch.add(image, Use.HELD_OUT)
    made = watch.tensor()
    assert (made.dead, made.channels) == (1, 3)
