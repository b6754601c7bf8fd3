"""The LSTM of docs/engines.md: two layers of 256 over 64 tokens, with seeded weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Tagger(nn.Module):
    """An LSTM with a class for each token."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.LSTM(256, 256, num_layers=2, batch_first=True)
        self.head = nn.Linear(256, 32)

    def forward(self, x: Any) -> Any:
        return self.head(self.layers(x)[0])


def tagger() -> tuple[nn.Module, list[tuple[Any, ...]]]:
    """The module, and eight inputs."""
    torch.manual_seed(0)
    return Tagger().eval(), [(torch.randn(1, 64, 256),) for _ in range(8)]
