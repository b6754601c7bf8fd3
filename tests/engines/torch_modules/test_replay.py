"""Replayed layers of torch modules: what they compute, and that a planted fault is found first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ironlaw.engines.border.phases import Phases
from ironlaw.engines.torch_modules import int8
from ironlaw.engines.torch_modules.replay import TorchReplayer
from ironlaw.measure.replaying.inputs import Inputs
from ironlaw.measure.replaying.replays import replay
from ironlaw.replay import Use

pytestmark = pytest.mark.filterwarnings("ignore")
OUTLIER = 300.0


class Net(nn.Module):
    """Two convolutions with a shortcut, and scores; one channel of `first` may be very large, and then is not read."""

    def __init__(self, *, has_outlier: bool) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.scores = nn.Linear(8, 5)
        if has_outlier:
            with torch.no_grad():
                self.first.weight[0] *= OUTLIER
                self.second.weight[:, 0] = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.scores(self.second(torch.relu(self.first(x))).mean((2, 3)))
        return made


def images(count: int, seed: int) -> list[tuple[Any, ...]]:
    rng = torch.Generator().manual_seed(seed)
    return [(torch.randn(1, 3, 10, 10, generator=rng),) for _ in range(count)]


def replayer(*, has_outlier: bool) -> tuple[TorchReplayer, nn.Module]:
    net = Net(has_outlier=has_outlier).eval()
    backend = int8.preferred_backend()
    return TorchReplayer(int8.observed(net, images(8, 1), fused=True, backend=backend, phases=Phases())), net


def test_layers_are_modules_with_weights_by_their_paths() -> None:
    made, _ = replayer(has_outlier=False)
    assert [site.name for site in made.sites] == ["first", "second", "scores"]


def test_the_replayed_networks_are_the_module_and_its_int8_form() -> None:
    made, net = replayer(has_outlier=False)
    backend = int8.preferred_backend()
    real = int8.quantize_blocks(net, images(8, 1), blocks="all", fused=True, backend=backend, phases=Phases()).module
    (shown,) = images(1, 9)
    begun = made.begin(shown)
    with torch.inference_mode():
        np.testing.assert_allclose(begun.in_float[0], net(*shown).numpy(), atol=1e-5)
        np.testing.assert_allclose(begun.in_int8[0], real(*shown).numpy(), atol=0.02)


def test_with_every_layer_left_in_float_the_answers_are_float() -> None:
    made, _ = replayer(has_outlier=False)
    (shown,) = images(1, 9)
    begun = made.begin(shown)
    np.testing.assert_allclose(made.mixed(frozenset(range(3)))(shown)[0], begun.in_float[0], atol=1e-6)
    np.testing.assert_allclose(made.mixed(frozenset())(shown)[0], begun.in_int8[0], atol=1e-6)


def test_the_last_layer_alone_gives_what_its_own_output_is() -> None:
    made, _ = replayer(has_outlier=False)
    (shown,) = images(1, 9)
    made.begin(shown)
    flipped = made.flip(2)
    np.testing.assert_allclose(flipped.alone[0], flipped.own_int8, atol=1e-6)
    assert not np.allclose(flipped.alone[0], flipped.own_float, atol=1e-6)


def test_the_layers_around_an_outlier_cost_the_answers_most() -> None:
    made, _ = replayer(has_outlier=True)
    inputs = Inputs(by_use={Use.CALIBRATING: images(8, 1), Use.CHOOSING: images(8, 2), Use.HELD_OUT: images(8, 3)})
    found = replay("int8", made, inputs, None, within_s=10)
    assert isinstance(found.layers, tuple)
    noise = {layer.name: layer.alone[Use.CHOOSING].noise for layer in found.layers}
    assert max(noise, key=lambda name: noise[name]) in ("first", "second")
    assert min(noise["first"], noise["second"]) > 5 * noise["scores"]
