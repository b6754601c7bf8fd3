"""Nets small enough for every engine's tests, and how each of them is prepared, read back and run."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from ironlaw.models import LoadedModel, saved
from ironlaw.program import PreparedModel, Program
from ironlaw.variant import Variant


class Seeing(nn.Module):
    """Convolution, BatchNorm, ReLU, pooling, a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.head = nn.Linear(16, 8)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(torch.relu(self.norm(self.conv(x))).mean((2, 3)))


class Reading(nn.Module):
    """Token numbers through an LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        self.lstm = nn.LSTM(16, 16, batch_first=True)
        self.head = nn.Linear(16, 8)

    def forward(self, ids: torch.Tensor) -> Any:
        return self.head(self.lstm(self.embed(ids))[0][:, -1])


class Two(nn.Module):
    """Two inputs, and outputs by name."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(8, 8), nn.Linear(4, 8)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> Any:
        z = torch.relu(self.left(x) + self.right(y))
        return {"logits": z, "mean": z.mean(1)}


class Words(nn.Module):
    """Token numbers, as many as there are, each seen by every other one."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        self.head = nn.Linear(16, 8)

    def forward(self, ids: torch.Tensor) -> Any:
        x = self.embed(ids)
        rows, tokens, width = x.shape
        x = x.view(rows, tokens, 2, width // 2).transpose(1, 2)
        mixed = nn.functional.scaled_dot_product_attention(x, x, x)
        return self.head(mixed.transpose(1, 2).reshape(rows, tokens, width).mean(1))


class OneLength(nn.Module):
    """Counts its tokens in Python: what is traced or exported from it holds for one number of them."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 16)

    def forward(self, ids: torch.Tensor) -> Any:
        return sum((self.embed(ids[:, place]) for place in range(int(ids.shape[1]))), torch.zeros(1, 16))


class Eigen(nn.Module):
    """Eigenvalues, for which ONNX has no operator; and nothing in it has an int8 kernel."""

    def forward(self, x: torch.Tensor) -> Any:
        return torch.linalg.eigvalsh(x + x.transpose(1, 2))


def seeing(count: int = 12) -> LoadedModel:
    return _model(Seeing(), [(torch.randn(1, 3, 16, 16, generator=_rng(i)),) for i in range(count)])


def reading(count: int = 12) -> LoadedModel:
    return _model(Reading(), [(torch.randint(0, 50, (2, 7), generator=_rng(i)),) for i in range(count)])


def words(module: nn.Module | None = None) -> LoadedModel:
    """Sentences of several lengths, the shortest first."""
    lengths = (5, 9, 7, 5, 12)
    ids = [(torch.randint(0, 50, (1, length), generator=_rng(i)),) for i, length in enumerate(lengths)]
    return _model(module or Words(), ids)


def two(count: int = 12) -> LoadedModel:
    pairs = [(torch.randn(3, 8, generator=_rng(i)), torch.randn(3, 4, generator=_rng(i))) for i in range(count)]
    return _model(Two(), pairs)


def eigenvalues() -> LoadedModel:
    return _model(Eigen(), [(torch.randn(1, 8, 8, generator=_rng(0)),)])


def _rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _model(module: nn.Module, inputs: list[tuple[Any, ...]]) -> LoadedModel:
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.uniform_(parameter, -0.5, 0.5)
    module.eval()
    return LoadedModel(name="net", module=module, inputs=inputs, calibration=inputs, probes=inputs, weights="as made")


def run(engine: ModuleType, text: str, model: LoadedModel, folder: Path) -> tuple[PreparedModel, Program, list[Any]]:
    """Prepare a variant, read it back as a replicate does, and give what it answers on every input."""
    variant = Variant.parse(text)
    prepared: PreparedModel = engine.prepare(variant, model, folder)
    saved.save(model, folder)
    program: Program = engine.load(variant, prepared, saved.load(folder))
    with program.guard():
        return prepared, program, [first_of(program.answer(*arguments)) for arguments in program.inputs]


def first_of(output: Any) -> torch.Tensor:
    """The first tensor of an output, whatever an engine wraps it in."""
    if isinstance(output, dict):
        output = next(iter(output.values()))
    if isinstance(output, list | tuple):
        output = output[0]
    return torch.as_tensor(output)


def expected(model: LoadedModel) -> list[torch.Tensor]:
    """What the module itself answers."""
    with torch.inference_mode():
        return [first_of(model.module(*arguments)) for arguments in model.inputs]


def sqnr_db(answers: list[torch.Tensor], reference: list[torch.Tensor]) -> float:
    """Signal to noise of all answers together."""
    signal, got = torch.stack(reference), torch.stack(answers)
    return float(10 * torch.log10(signal.pow(2).sum() / (got - signal).pow(2).sum()))
