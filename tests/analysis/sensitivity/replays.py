"""Replays by hand: layers whose noise, gains and ranges are stated."""

from __future__ import annotations

import base64
import zlib
from dataclasses import replace

import numpy as np

from ironlaw.replay import Given, KeptAnswers, Own, Replay, ReplayedLayer, ReplayedTensor, Use

INPUTS = 32
SIGNAL = 1000.0


def given(noise: float, *, same: int = INPUTS, inputs: int = INPUTS) -> Given:
    """Answers of a classifier: the noise in them, and how many keep their top class."""
    return Given(inputs=inputs, signal=SIGNAL, noise=noise, same_top=same)


def uses(one: Given) -> dict[Use, Given]:
    """The same answers for every use of inputs."""
    return dict.fromkeys(Use, one)


def layer(name: str, noise: float, **others: object) -> ReplayedLayer:
    """A replayed convolution of this name."""
    tensor = ReplayedTensor(
        name=f"{name}.out", low=-1, high=1, largest=1.0, usual=0.9, clipped={Use.HELD_OUT: 0.0}, channels=8
    )
    made = ReplayedLayer(
        name=name,
        path=name,
        operator="Conv",
        nodes=(f"node_{name}",),
        own=dict.fromkeys(Use, Own(signal=10, noise=noise / 100)),
        alone=uses(given(noise)),
        left_float=uses(given(noise)),
        gives=(tensor,),
    )
    return replace(made, **others)  # type: ignore[arg-type]  # a test states what it is about


def replay(*layers: ReplayedLayer, arm: str = "int8@onnxruntime", whole: Given | None = None) -> Replay:
    """A replay of one arm with these layers."""
    return Replay(arm=arm, layers=layers, how="by hand", whole=uses(whole or given(100.0, same=29)))


def kept(table: np.ndarray) -> str:
    """Rows of answers as a recording keeps them."""
    return base64.b64encode(zlib.compress(table.astype("<f4").tobytes(), 1)).decode()


def answers(table: np.ndarray) -> KeptAnswers:
    """The kept answers of the float network."""
    return KeptAnswers(rows=len(table), kept=table.shape[1], forms=((table.shape[1],),), data=kept(table))
