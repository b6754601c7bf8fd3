"""Replayed layers of the compiled engine: what they compute, and that a planted fault is found first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("torchao")

from ironlaw.engines.border.phases import Phases
from ironlaw.engines.compiled import quantizing
from ironlaw.engines.compiled.replay import ExportedReplayer
from ironlaw.measure.replaying.inputs import Inputs
from ironlaw.measure.replaying.replays import replay
from ironlaw.replay import ReplayedLayer, Use
from ironlaw.variant import Variant
from tests.engines.torch_modules.test_replay import Net, images

pytestmark = pytest.mark.filterwarnings("ignore")
INT8 = Variant.parse("int8@compiled")


def exported(net: torch.nn.Module) -> Any:
    return torch.export.export(net, images(1, 1)[0]).module()


def replayer(*, has_outlier: bool, ignores: int | None = None) -> tuple[ExportedReplayer, Net]:
    net = Net(has_outlier=has_outlier).eval()
    with torch.no_grad():
        if ignores is not None:
            net.first.weight[:, ignores] = 0
        return ExportedReplayer(quantizing.observed(exported(net), INT8, images(8, 1), Phases())), net


def layers(made: ExportedReplayer, *, held_out: list[tuple[Any, ...]] | None = None) -> list[ReplayedLayer]:
    held_out = held_out or images(8, 3)
    inputs = Inputs(by_use={Use.CALIBRATING: images(8, 1), Use.CHOOSING: images(8, 2), Use.HELD_OUT: held_out})
    found = replay("int8@compiled", made, inputs, None, within_s=10).layers
    assert isinstance(found, tuple)
    return sorted(found, key=lambda one: -one.alone[Use.CHOOSING].noise)


def converted(net: Net, level: str = "") -> Any:
    """The graph that the arm compiles."""
    variant = Variant.parse(f"int8@compiled{level}")
    with torch.no_grad():
        return quantizing.quantized(exported(net), variant, images(8, 1), Phases(), seen=[]).module


def test_layers_are_modules_with_weights_by_their_paths() -> None:
    made, _ = replayer(has_outlier=False)
    assert [site.name for site in made.sites] == ["first", "second", "scores"]


def test_the_replayed_networks_are_the_module_and_the_graph_that_the_arm_compiles() -> None:
    made, net = replayer(has_outlier=False)
    (shown,) = images(1, 9)
    begun = made.begin(shown)
    with torch.no_grad():
        np.testing.assert_allclose(begun.in_float[0], net(*shown).numpy(), atol=1e-5)
        np.testing.assert_allclose(begun.in_int8[0], converted(net)(*shown).numpy(), atol=1e-4)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_layer_left_in_float_answers_as_the_arm_that_leaves_it(place: int) -> None:
    made, net = replayer(has_outlier=False)
    (shown,) = images(1, 9)
    made.begin(shown)
    left = made.flip(place).left_float[0]
    with torch.no_grad():
        real = converted(net, f"+int8-blocks=but:{made.sites[place].path}")(*shown).numpy()
    np.testing.assert_allclose(left, real, atol=1e-4)
    np.testing.assert_allclose(left, made.mixed(frozenset({place}))(shown)[0], atol=1e-6)


def test_with_every_layer_left_in_float_the_answers_are_float() -> None:
    made, _ = replayer(has_outlier=False)
    (shown,) = images(1, 9)
    begun = made.begin(shown)
    np.testing.assert_allclose(made.mixed(frozenset(range(3)))(shown)[0], begun.in_float[0], atol=1e-6)


def test_the_layer_that_reads_an_outlier_costs_the_answers_most() -> None:
    first, second, *_ = layers(replayer(has_outlier=True)[0])
    assert first.name == "second"
    assert first.alone[Use.CHOOSING].noise > 5 * second.alone[Use.CHOOSING].noise


def test_the_layer_that_clips_held_out_inputs_is_first_in_clipping() -> None:
    held_out = images(8, 3)
    for (shown,) in held_out:
        shown[:, 0] *= 6  # what only the first layer reads, with weights of zero
    found = layers(replayer(has_outlier=False, ignores=0)[0], held_out=held_out)
    assert max(found, key=lambda one: one.read[0].clipped[Use.HELD_OUT]).name == "first"


def dynamic(net: nn.Module, arguments: tuple[Any, ...]) -> Any:
    with torch.no_grad():
        graph = torch.export.export(net, arguments).module()
        return quantizing.observed(graph, Variant.parse("int8-dynamic@compiled"), [arguments], Phases())


class Rows(nn.Module):
    """Two linear layers that read one tensor, and scores."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.one, self.other, self.scores = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.scores(torch.relu(self.one(x)) + self.other(x))
        return scores


def test_dynamic_int8_is_replayed_by_the_ranges_of_each_call() -> None:
    net = Rows().eval()
    shown, other = ((scale * torch.randn(2, 6, generator=torch.Generator().manual_seed(3)),) for scale in (1.0, 50.0))
    made = ExportedReplayer(dynamic(net, shown))
    assert [(site.name, site.reads) for site in made.sites] == [("one", ()), ("other", ()), ("scores", ())]
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e

    real = convert_pt2e(dynamic(net, shown))
    for arguments in (shown, other):
        begun = made.begin(arguments)
        with torch.no_grad():
            np.testing.assert_allclose(begun.in_float[0], net(*arguments).numpy(), rtol=1e-5, atol=1e-5)
            np.testing.assert_allclose(begun.in_int8[0], real(*arguments).numpy(), rtol=1e-4, atol=1e-4)
        assert not np.allclose(begun.in_float[0], begun.in_int8[0], rtol=1e-4, atol=1e-4)
    for place in range(3):
        flipped = made.flip(place)
        assert not np.allclose(flipped.own_float, flipped.own_int8, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(flipped.left_float[0], made.mixed(frozenset({place}))(other)[0], atol=1e-6)
    np.testing.assert_allclose(made.mixed(frozenset(range(3)))(other)[0], begun.in_float[0], atol=1e-5)
