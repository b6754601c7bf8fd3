"""A small network for benchmarks of the method itself: `--arm net=benchmarks/tiny.py:net`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def net() -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """Two convolutions and a linear layer on 3x64x64: about 1 ms on one CPU."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2), nn.ReLU(), nn.Flatten(),
        nn.Linear(32 * 15 * 15, 10),
    ).eval()  # fmt: skip
    return layers, (torch.rand(1, 3, 64, 64),)
