"""Replays as facts."""

from __future__ import annotations

import numpy as np

from ironlaw.lines import decode, encode
from ironlaw.missing import Missing
from ironlaw.replay import Mixture, Replay, Use

from .analysis.sensitivity.replays import answers, given, layer, replay, uses


def test_a_replay_is_read_as_it_was_written() -> None:
    made = replay(layer("a", 1.0), layer("b", 2.0))
    assert decode(encode(made)) == made


def test_mixtures_and_kept_answers_are_read_as_they_were_written() -> None:
    made = Replay(
        arm="x",
        layers=Missing("whole mixtures were replayed"),
        mixtures=(Mixture(floats=("a",), given=uses(given(1.0))),),
        float_answers={Use.CHOOSING: answers(np.ones((2, 3)))},
    )
    assert decode(encode(made)) == made
