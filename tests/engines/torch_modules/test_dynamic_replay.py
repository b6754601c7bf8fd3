"""Replayed layers of dynamic int8: what they compute, and that a planted fault is found first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ironlaw.engines.border.phases import Phases
from ironlaw.engines.torch_modules import int8
from ironlaw.engines.torch_modules.dynamic_replay import DynamicReplayer
from ironlaw.errors import ArmFailed
from ironlaw.measure.replaying.inputs import Inputs
from ironlaw.measure.replaying.replays import replay
from ironlaw.replay import Use

pytestmark = pytest.mark.filterwarnings("ignore")
OUTLIER = 300.0


class Net(nn.Module):
    """Steps of a sequence, two linear layers, and scores; `hidden` may read one very large value that it ignores."""

    def __init__(self, *, has_outlier: bool = False) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.steps = nn.LSTM(6, 8, batch_first=True)
        self.hidden = nn.Linear(9, 8)
        self.scores = nn.Linear(8, 5)
        self.outlier = OUTLIER if has_outlier else 1.0
        with torch.no_grad():
            self.hidden.weight[:, 8] = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        read = self.steps(x)[0][:, -1]
        read = torch.cat((read, torch.full((len(x), 1), self.outlier)), dim=1)
        scores: torch.Tensor = self.scores(torch.relu(self.hidden(read)))
        return scores


def sequences(count: int, seed: int) -> list[tuple[Any, ...]]:
    rng = torch.Generator().manual_seed(seed)
    return [(torch.randn(1, 4, 6, generator=rng),) for _ in range(count)]


def dynamic(net: nn.Module) -> nn.Module:
    made: nn.Module = int8.quantize_dynamic(net, int8.preferred_backend(), Phases()).module
    return made


def replayer(net: nn.Module) -> DynamicReplayer:
    return DynamicReplayer(net, dynamic(net))


def answered(net: nn.Module, arguments: tuple[Any, ...]) -> Any:
    with torch.inference_mode():
        return net(*arguments).numpy()


def test_layers_are_the_int8_modules_by_their_paths() -> None:
    made = replayer(Net().eval())
    assert [(site.name, site.operator) for site in made.sites] == [
        ("steps", "LSTM"), ("hidden", "Linear"), ("scores", "Linear"),
    ]  # fmt: skip


def test_the_replayed_networks_are_the_module_and_the_arm() -> None:
    net = Net().eval()
    (shown,) = sequences(1, 9)
    begun = replayer(net).begin(shown)
    np.testing.assert_array_equal(begun.in_float[0], answered(net, shown))
    np.testing.assert_array_equal(begun.in_int8[0], answered(dynamic(net), shown))
    assert not np.array_equal(begun.in_float[0], begun.in_int8[0])


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_layer_is_exchanged_alone(place: int) -> None:
    net = Net().eval()
    (shown,) = sequences(1, 9)
    made = replayer(net)
    begun = made.begin(shown)
    flipped = made.flip(place)
    path = made.sites[place].path
    alone, left = Net().eval(), dynamic(net)
    setattr(alone, path, dynamic(net).get_submodule(path))
    setattr(left, path, net.get_submodule(path))
    np.testing.assert_array_equal(flipped.alone[0], answered(alone, shown))
    np.testing.assert_array_equal(flipped.left_float[0], answered(left, shown))
    assert not np.array_equal(flipped.own_float, flipped.own_int8)
    again = made.begin(shown)
    np.testing.assert_array_equal(again.in_float[0], begun.in_float[0])
    np.testing.assert_array_equal(again.in_int8[0], begun.in_int8[0])


def test_mixed_networks_reach_from_the_arm_to_float() -> None:
    made = replayer(Net().eval())
    (shown,) = sequences(1, 9)
    begun = made.begin(shown)
    np.testing.assert_array_equal(made.mixed(frozenset(range(3)))(shown)[0], begun.in_float[0])
    np.testing.assert_array_equal(made.mixed(frozenset())(shown)[0], begun.in_int8[0])
    np.testing.assert_array_equal(made.mixed(frozenset({1}))(shown)[0], made.flip(1).left_float[0])


def test_the_last_layer_alone_gives_what_its_own_output_is() -> None:
    made = replayer(Net().eval())
    (shown,) = sequences(1, 9)
    made.begin(shown)
    flipped = made.flip(2)
    np.testing.assert_array_equal(flipped.alone[0].ravel(), flipped.own_int8)


def test_the_callers_module_is_left_as_it_was() -> None:
    net = Net().eval()
    parts = dict(net.named_modules())
    made = replayer(net)
    made.begin(sequences(1, 9)[0])
    made.flip(0)
    assert dict(net.named_modules()) == parts
    assert not [part for part in parts.values() if part._forward_hooks]


def test_a_module_that_is_one_layer_itself_is_replayed() -> None:
    net = nn.Linear(6, 5).eval()
    made = replayer(net)
    assert [(site.name, site.path) for site in made.sites] == [("Linear", "")]
    shown = (torch.randn(2, 6, generator=torch.Generator().manual_seed(3)),)
    np.testing.assert_array_equal(made.begin(shown).in_int8[0], answered(dynamic(net), shown))


def test_a_layer_with_two_paths_is_two_layers() -> None:
    shared = nn.Linear(6, 6)
    net = nn.Sequential(nn.Sequential(shared), nn.ReLU(), nn.Sequential(shared)).eval()
    made = replayer(net)
    assert [site.path for site in made.sites] == ["0.0", "2.0"]
    shown = (torch.randn(2, 6, generator=torch.Generator().manual_seed(3)),)
    made.begin(shown)
    assert [made.flip(place).own_float.shape for place in (0, 1)] == [(12,), (12,)]
    np.testing.assert_array_equal(made.flip(1).alone[0].ravel(), made.flip(1).own_int8)


def test_a_network_without_such_layers_is_refused() -> None:
    with pytest.raises(ArmFailed, match="no module of it is quantized dynamically"):
        DynamicReplayer(nn.ReLU(), nn.ReLU())


def test_the_layer_that_reads_an_outlier_costs_the_answers_most() -> None:
    made = replayer(Net(has_outlier=True).eval())
    inputs = Inputs(
        by_use={Use.CALIBRATING: sequences(8, 1), Use.CHOOSING: sequences(8, 2), Use.HELD_OUT: sequences(8, 3)}
    )
    found = replay("int8-dynamic", made, inputs, None, within_s=10)
    assert isinstance(found.layers, tuple)
    noise = {layer.name: layer.alone[Use.CHOOSING].noise for layer in found.layers}
    assert max(noise, key=lambda name: noise[name]) == "hidden"
    assert noise["hidden"] > 5 * max(noise["steps"], noise["scores"])
