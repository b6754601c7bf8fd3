"""Which layers torchao's quantizer is given, in the exported graph; nothing is compiled."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ironlaw.engines.border.phases import Phases
from ironlaw.engines.compiled.quantizing import QuantizedGraph, quantized, refuse_no_such_module
from ironlaw.errors import ArmFailed

pytest.importorskip("torchao")
pytestmark = pytest.mark.filterwarnings("ignore")


class Parts(nn.Module):
    """Two layers in a block, one before it and one behind."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.body = nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 1))
        self.head = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.body(torch.relu(self.stem(x))).mean((2, 3)))


INPUT = (torch.ones(1, 3, 16, 16),)


def made(blocks: str) -> QuantizedGraph:
    graph = torch.export.export(Parts().eval(), INPUT).module()
    return quantized(graph, [INPUT], Phases(), blocks=blocks)


@pytest.mark.parametrize(
    ("blocks", "layers"), [("written", 4), ("but:body", 2), ("only:body", 2), ("but:stem:head", 2)]
)
def test_only_the_layers_of_the_named_modules_are_quantized(blocks: str, layers: int) -> None:
    found = made(blocks)
    assert (found.layers, found.of) == (layers, 4)
    assert found.said == f"{layers} of 4 convolutions and linear layers are quantized"


def test_a_level_without_modules_and_a_module_that_is_not_there_are_refused() -> None:
    with pytest.raises(ArmFailed, match="changes nothing in this engine"):
        made("all")
    refuse_no_such_module(Parts(), "but:body.0")
    with pytest.raises(ArmFailed, match="no module 'tail'"):
        refuse_no_such_module(Parts(), "only:tail")
