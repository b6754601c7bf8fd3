"""Which layers torchao's quantizer is given, in the exported graph; nothing is compiled."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ironlaw.engines.border.phases import Phases
from ironlaw.engines.compiled.quantizing import QuantizedGraph, quantized, refuse_no_such_module
from ironlaw.errors import ArmFailed
from ironlaw.variant import Variant

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


def made(levels: str, precision: str = "int8", *, seen: tuple[Any, ...] = (INPUT,)) -> QuantizedGraph:
    torch.manual_seed(0)
    graph = torch.export.export(Parts().eval(), INPUT).module()
    variant = Variant.parse(f"{precision}@compiled{levels}")
    with torch.no_grad():
        return quantized(graph, variant, [INPUT], Phases(), seen=list(seen))


@pytest.mark.parametrize(
    ("blocks", "layers"), [("written", 4), ("but:body", 2), ("only:body", 2), ("but:stem:head", 2)]
)
def test_only_the_layers_of_the_named_modules_are_quantized(blocks: str, layers: int) -> None:
    found = made(f"+int8-blocks={blocks}")
    assert (found.layers, found.of) == (layers, 4)
    assert found.said == f"{layers} of 4 convolutions and linear layers are quantized"


def test_a_level_without_modules_and_a_module_that_is_not_there_are_refused() -> None:
    with pytest.raises(ArmFailed, match="changes nothing in this engine"):
        made("+int8-blocks=all")
    refuse_no_such_module(Parts(), "but:body.0")
    with pytest.raises(ArmFailed, match="no module 'tail'"):
        refuse_no_such_module(Parts(), "only:tail")


def test_ranges_that_are_found_in_every_call_can_be_given() -> None:
    looking = made("", "int8-dynamic")
    given = made("+activation-ranges=fixed", "int8-dynamic")
    assert (looking.layers, looking.finders, looking.fixed) == (1, 1, 0)  # dynamic: the linear layer alone
    assert (given.layers, given.finders, given.fixed) == (1, 0, 1)
    # The range was found over the same input: the same numbers, bit for bit.
    assert torch.equal(given.module(*INPUT), looking.module(*INPUT))
    variant = Variant.parse("int8-dynamic@compiled+activation-ranges=fixed")
    assert given.applied(variant) == {"activation-ranges": "1 ranges given, 0 found in every call"}


def test_a_range_that_is_given_holds_what_every_input_needs() -> None:
    large = (5 * torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(1)),)

    def scale(*seen: Any) -> float:
        given = made("+activation-ranges=fixed", "int8-dynamic", seen=seen)
        return float(dict(given.module.named_buffers())["_fixed_0_0"])

    each = [scale(INPUT), scale(large)]
    assert each[0] != each[1]
    assert scale(INPUT, large) == scale(large, INPUT) >= max(each)
