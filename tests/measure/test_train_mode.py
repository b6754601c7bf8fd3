"""Which layers of a module compute as in training: said of those only whose mode matters."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from ironlaw.measure.train_mode import layers_as_in_training
from ironlaw.missing import Missing
from ironlaw.program import Program

INPUT = torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(0))


class Reader(nn.Module):
    """A layer of one's own that reads its mode, to some effect or to none."""

    def __init__(self, *, step: float = 0.0) -> None:
        super().__init__()
        self.step = step

    def forward(self, x: torch.Tensor) -> Any:
        return x + self.step if self.training else x


class Variation(nn.Module):
    """Never answers the same twice, in either mode."""

    drawn = 0

    def forward(self, x: torch.Tensor) -> Any:
        self.drawn += 1
        return x + self.drawn if self.training else x - self.drawn


class Functional(nn.Module):
    """Drops by a function, in the mode of its own."""

    def forward(self, x: torch.Tensor) -> Any:
        return nn.functional.dropout(x, 0.5, training=self.training)


def found(module: Any) -> Any:
    return layers_as_in_training(Program(infer=module, inputs=[(INPUT,)], module=module))


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.LayerNorm(8)),
        nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.0)),
        nn.BatchNorm1d(4, track_running_stats=False),
        nn.InstanceNorm1d(4),
        nn.LSTM(8, 8, num_layers=2),
        nn.LSTM(8, 8, dropout=0.0),
        nn.Sequential(Reader()),
        nn.Sequential(Variation()),
        nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(4), nn.Dropout()).eval(),
    ],
    ids=lambda module: str(module).replace("\n", " "),
)
def test_a_module_whose_mode_changes_nothing_is_not_in_train_mode(module: nn.Module) -> None:
    assert found(module) == ()


@pytest.mark.parametrize(
    ("module", "layers"),
    [
        (nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(4)), ("1 (BatchNorm1d)",)),
        (nn.Sequential(nn.Dropout(0.1), nn.RReLU()), ("0 (Dropout)", "1 (RReLU)")),
        (nn.LSTM(8, 8, num_layers=2, dropout=0.5), ("the module (LSTM)",)),
        (nn.Sequential(Reader(step=1.0)), ("0 (Reader)",)),
        (Functional(), ("the module (Functional)",)),
    ],
)
def test_layers_that_compute_as_in_training_are_named(module: nn.Module, layers: tuple[str, ...]) -> None:
    assert found(module) == layers
    assert found(copy.deepcopy(module).eval()) == ()


def test_one_layer_left_in_train_mode_is_found_in_a_module_in_eval_mode() -> None:
    module = nn.Sequential(nn.Linear(8, 8), nn.Dropout()).eval()
    module[1].train()
    assert found(module) == ("1 (Dropout)",)


def test_looking_leaves_every_mode_and_the_random_numbers_as_they_were() -> None:
    module = nn.Sequential(Reader(step=1.0))
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    found(module)
    assert torch.equal(torch.rand(1), expected)
    assert module[0].training


@pytest.mark.filterwarnings("ignore")  # of torch.jit, which is on its way out
@pytest.mark.parametrize("layer", [nn.BatchNorm1d(4), nn.Dropout(0.5)], ids=["norm", "dropout"])
def test_a_mode_written_into_a_graph_counts(layer: nn.Module) -> None:
    for mode in (True, False):
        module = nn.Sequential(nn.Linear(8, 8), layer).train(mode)
        traced = torch.jit.trace(module, (INPUT,), check_trace=False)  # type: ignore[no-untyped-call]
        exported = torch.export.export(module, (INPUT,)).module()
        scripted = torch.jit.script(copy.deepcopy(module))
        assert [bool(found(one)) for one in (traced, exported, scripted)] == [mode] * 3


def test_a_program_without_modules_is_a_gap() -> None:
    assert isinstance(layers_as_in_training(Program(infer=abs, inputs=[(1,)])), Missing)
