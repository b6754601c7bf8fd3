"""Small nets for Inductor, and programs that compile or convert in every call; see programs.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Made = tuple[Callable[..., Any], list[tuple[Any, ...]]]


# As in programs.py: a file of factories is imported by itself.
def drawn(*shape: int, count: int = 8) -> list[tuple[Any, ...]]:
    """Normally distributed inputs, the same in every arm."""
    draw = torch.Generator().manual_seed(3)
    return [(torch.randn(shape, generator=draw),) for _ in range(count)]


def for_inference(module: nn.Module) -> nn.Module:
    """In eval mode, with nothing for autograd to record."""
    return module.eval().requires_grad_(False)


class Chain(nn.Module):
    """Elementwise operators over rows too long for the first caches: one loop when they are fused, ten when not."""

    def forward(self, x: Any) -> Any:
        for _ in range(5):
            x = torch.relu(x * 0.5 + 0.25) - x
        return x.amax(1)


def chain() -> Made:
    return for_inference(Chain()), drawn(64, 8192, count=2)


def few_rows() -> Made:
    """Products of a few rows by square weights of 4 MB: laying out the weights is as much work as a row or more."""
    torch.manual_seed(0)
    return for_inference(nn.Sequential(*(nn.Linear(1024, 1024, bias=False) for _ in range(3)))), drawn(16, 1024)


class Squashed(nn.Module):
    """Arithmetic by rows: as fast as vectors are wide.

    Without calls of a library: on Zen 5 returning from Sleef's exponentials takes nine times as long in most processes.
    """

    def forward(self, x: Any) -> Any:
        for _ in range(32):
            x = (x * 0.9 + 0.1).abs()
        return x.sum(1)


def squashed() -> Made:
    return for_inference(Squashed()), drawn(64, 4096, count=2)


class Blown(nn.Module):
    """Returns 35 MB, more than glibc's malloc ever keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.scales = nn.Parameter(torch.linspace(-1, 1, 64).reshape(1, 64, 1, 1), requires_grad=False)

    def forward(self, x: Any) -> Any:
        return torch.relu(x * self.scales)


def blown() -> Made:
    return for_inference(Blown()), drawn(1, 1, 384, 352, count=2)


def beyond_the_cache() -> Made:
    """Weights of 34 MB for one row: many times what a level-2 cache holds."""
    torch.manual_seed(3)
    return for_inference(nn.Sequential(*(nn.Linear(2048, 2048, bias=False) for _ in range(2)))), drawn(1, 2048)


def in_the_cache() -> Made:
    """Weights of 1.5 MB for one row: read from a level-2 cache, or from behind it."""
    torch.manual_seed(0)
    return for_inference(nn.Sequential(*(nn.Linear(256, 256, bias=False) for _ in range(6)))), drawn(1, 256)


# compilations of torch.compile, and weights that are converted, in every call


_FORGETS = 64  # calls


class Growing:
    """Calls what torch.compile made on a part of its input that is never as long as before."""

    def __init__(self, *, grows: bool) -> None:
        self.grows, self.calls = grows, 0
        self.compiled: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {"grows": self.grows, "calls": 0, "compiled": None}

    def __call__(self, x: Any) -> Any:
        if self.compiled is None:
            torch._dynamo.config.recompile_limit = torch._dynamo.config.accumulated_recompile_limit = 1 << 20
            self.compiled = torch.compile(_mixed, backend="eager", dynamic=False)
        self.calls += self.grows
        if self.calls % _FORGETS == _FORGETS - 1:
            torch._dynamo.reset()  # looking through all that was compiled before would make each call longer
        return self.compiled(x[: 512 + self.calls % 4096])


def _mixed(x: Any) -> Any:
    return (torch.relu(x * 0.5 + 0.25) - x).sum()


def ever_longer() -> Made:
    return Growing(grows=True), [(x[0],) for (x,) in drawn(1, 8192)]


def one_length() -> Made:
    return Growing(grows=False), [(x[0],) for (x,) in drawn(1, 8192)]


class Narrowing(nn.Module):
    """Multiplies in bfloat16, by weights that are kept in float32 or were converted when it was made."""

    def __init__(self, *, once: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        drawn_once = (torch.randn(1024, 1024) / 32 for _ in range(4))
        kept = torch.bfloat16 if once else torch.float32
        self.weights = nn.ParameterList(nn.Parameter(weight.to(kept)) for weight in drawn_once)

    def forward(self, x: Any) -> Any:
        x = x.to(torch.bfloat16)
        for weight in self.weights:
            x = nn.functional.linear(x, weight.to(torch.bfloat16))
        return x.float()


def converted_in_every_call() -> Made:
    return for_inference(Narrowing(once=False)), drawn(4, 1024)


def converted_once() -> Made:
    return for_inference(Narrowing(once=True)), drawn(4, 1024)
