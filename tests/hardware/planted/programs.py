"""Small real programs, each with one cause planted in it, and its counterpart without; `file.py:factory` of each.

A factory takes nothing and returns (module or callable, inputs). Sizes are chosen so that the planted cause is a
seventh of the time or more on a current x86 CPU, and one inference takes some milliseconds.
"""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

# torch leaves its quantization untyped, and is moving it elsewhere.
quantization: Any = importlib.import_module("torch.ao.quantization")

Made = tuple[Callable[..., Any], list[tuple[Any, ...]]]


def drawn(*shape: int, count: int = 8) -> list[tuple[Any, ...]]:
    """Normally distributed inputs, the same in every arm."""
    draw = torch.Generator().manual_seed(3)
    return [(torch.randn(shape, generator=draw),) for _ in range(count)]


def for_inference(module: nn.Module) -> nn.Module:
    """In eval mode, with nothing for autograd to record."""
    return module.eval().requires_grad_(False)


class Renamed(nn.Module):
    """The same layers by other names."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Any) -> Any:
        return self.inner(x)


class Calling:
    """A callable of one's own around a module, without inference_mode: where weights require grad, a graph is made."""

    def __init__(self, inner: nn.Module) -> None:
        self.inner = inner

    def __call__(self, x: Any) -> Any:
        return self.inner(x)


def convolutions(channels: int = 64, layers: int = 4, *, norms: bool = False, relu: bool = True) -> nn.Sequential:
    """3x3 convolutions, with BatchNorm behind each where asked for."""
    torch.manual_seed(0)
    parts: list[nn.Module] = []
    for _ in range(layers):
        parts.append(nn.Conv2d(channels, channels, 3, padding=1, bias=not norms))
        if norms:
            parts.append(nn.BatchNorm2d(channels))
        if relu:
            parts.append(nn.ReLU())
    return nn.Sequential(*parts)


# large activations: what is given back to the system at every inference, and faulted in again


class Expanding(nn.Module):
    """Blows one channel up to 64: 35 MB, more than glibc's malloc ever keeps."""

    def __init__(self, *, reuses: bool) -> None:
        super().__init__()
        self.scales = nn.Parameter(torch.linspace(-1, 1, 64).reshape(1, 64, 1, 1), requires_grad=False)
        self.room = torch.empty(1, 64, 384, 352) if reuses else None

    def forward(self, x: Any) -> Any:
        if self.room is not None:
            return torch.mul(x, self.scales, out=self.room).relu_().mean((2, 3))
        return torch.relu(x * self.scales).mean((2, 3))


def large_activations() -> Made:
    return for_inference(Expanding(reuses=False)), drawn(1, 1, 384, 352)


def reused_activations() -> Made:
    return for_inference(Expanding(reuses=True)), drawn(1, 1, 384, 352)


# subnormal weights


class Rooted(nn.Module):
    """The root of inputs, scaled before and back after: of subnormal numbers it takes microcode on current CPUs."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((64, 1, 1), scale))
        self.back = nn.Parameter(torch.full((64,), scale**-0.5))

    def forward(self, x: Any) -> Any:
        return (x * self.scale).abs_().sqrt_().mean((2, 3)) * self.back


def subnormal_weights() -> Made:
    return for_inference(Rooted(1e-39)), drawn(1, 64, 56, 56)


def normal_weights() -> Made:
    return for_inference(Rooted(1.0)), drawn(1, 64, 56, 56)


# a large Linear at batch 1


def _large_linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5120, 5120, bias=False))


def large_linear() -> Made:
    return for_inference(_large_linear()), drawn(1, 5120)


def large_linear_int8() -> Made:
    torch.backends.quantized.engine = "x86"
    made = quantization.quantize_dynamic(_large_linear().eval(), {nn.Linear}, dtype=torch.qint8)
    return made, drawn(1, 5120)


# a tiny net: nothing but the cost of calling operators


def _tiny() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(*(layer for _ in range(30) for layer in (nn.Linear(16, 16), nn.ReLU())))


def tiny() -> Made:
    return for_inference(_tiny()), drawn(1, 16)


def tiny_traced() -> Made:
    inputs = drawn(1, 16)
    traced: nn.Module = torch.jit.trace(for_inference(_tiny()), inputs[0])  # type: ignore[no-untyped-call]
    return traced, inputs


# train mode, and autograd


def in_train_mode() -> Made:
    return convolutions(32, 6, norms=True).requires_grad_(False).train(), drawn(1, 32, 56, 56)


def in_eval_mode() -> Made:
    return for_inference(convolutions(32, 6, norms=True)), drawn(1, 32, 56, 56)


def recording_a_graph() -> Made:
    return Calling(_tiny().eval()), drawn(1, 16)


def recording_nothing() -> Made:
    return Calling(for_inference(_tiny())), drawn(1, 16)


# int8 by one engine or another


def _static(module: nn.Module, inputs: list[tuple[Any, ...]], engine: str, *, calibrate: bool = True) -> nn.Module:
    torch.backends.quantized.engine = engine
    wrapped: Any = nn.Sequential(quantization.QuantStub(), module, quantization.DeQuantStub()).eval()
    wrapped.qconfig = quantization.get_default_qconfig(engine)
    prepared = quantization.prepare(wrapped)
    if calibrate:
        for arguments in inputs:
            prepared(*arguments)
    made: nn.Module = quantization.convert(prepared)
    return made.eval()


def int8_by_qnnpack() -> Made:
    inputs = drawn(1, 64, 28, 28)
    return _static(convolutions(), inputs, "qnnpack"), inputs


def int8_by_x86() -> Made:
    inputs = drawn(1, 64, 28, 28)
    return _static(convolutions(), inputs, "x86"), inputs


def float_convolutions() -> Made:
    return for_inference(convolutions()), drawn(1, 64, 28, 28)


# a grouped convolution that the fast kernels do not take


def _grouped() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Conv2d(32, 32, 5, padding=2, groups=4, bias=False) for _ in range(2)))


def _dense() -> nn.Module:
    """The same function: zeros stand where no group has a weight."""
    layers = []
    for grouped in _grouped().children():
        assert isinstance(grouped, nn.Conv2d)
        dense = nn.Conv2d(32, 32, 5, padding=2, bias=False)
        blocks = grouped.weight.detach().chunk(4)
        rows = [nn.functional.pad(one, (0, 0, 0, 0, 8 * place, 24 - 8 * place)) for place, one in enumerate(blocks)]
        dense.weight = nn.Parameter(torch.cat(rows))
        layers.append(dense)
    return nn.Sequential(*layers)


def int8_grouped() -> Made:
    """FBGEMM has no kernel for groups of this kernel size, and falls back to one that is slower than a dense one."""
    inputs = drawn(1, 32, 56, 56)
    return _static(_grouped(), inputs, "fbgemm"), inputs


def int8_dense() -> Made:
    inputs = drawn(1, 32, 56, 56)
    return _static(_dense(), inputs, "fbgemm"), inputs


# dynamic quantization: wide inputs and few outputs, so that looking for the range is a good part of each layer


WIDE = (64, 4096)


class Known(nn.Module):
    """A dynamically quantized Linear whose input's range was written down when it was made."""

    def __init__(self, layer: Any, inputs: list[tuple[Any, ...]]) -> None:
        super().__init__()
        self.packed = layer._packed_params
        ends = torch.stack([end for (x,) in inputs for end in torch.aminmax(x)])
        self.scale, self.zero_point = torch._choose_qparams_per_tensor(ends, True)

    def forward(self, x: Any) -> Any:
        run = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32
        return run(x, self.scale, self.zero_point, self.packed._packed_params)


class Heads(nn.Module):
    """Several layers that read the same input."""

    def __init__(self, heads: list[nn.Module]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)

    def forward(self, x: Any) -> Any:
        return torch.cat([head(x) for head in self.heads], 1)


def _heads() -> Any:
    torch.backends.quantized.engine = "x86"
    torch.manual_seed(0)
    wide = Heads([nn.Linear(WIDE[1], 1) for _ in range(16)])
    return quantization.quantize_dynamic(wide.eval(), {nn.Linear}, dtype=torch.qint8)


def ranges_looked_for() -> Made:
    return for_inference(_heads()), drawn(*WIDE)


def ranges_known() -> Made:
    inputs = drawn(*WIDE)
    return for_inference(Heads([Known(head, inputs) for head in _heads().heads])), inputs


# more threads than cores


class Greedy(nn.Module):
    """Asks for eight threads wherever it is loaded, as code written for a larger machine does."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        torch.set_num_threads(8)

    def forward(self, x: Any) -> Any:
        return self.inner(x)


def greedy() -> Made:
    return for_inference(Greedy(convolutions())), drawn(1, 64, 28, 28)


def modest() -> Made:
    return for_inference(Renamed(convolutions())), drawn(1, 64, 28, 28)


# comparisons that answer another question than the one asked


def fed_ones() -> Made:
    return for_inference(convolutions()), [(torch.ones(1, 64, 28, 28),)] * 8


def still_simulated() -> Made:
    """Prepared for quantization-aware training and never converted."""
    wrapped: Any = nn.Sequential(quantization.QuantStub(), convolutions(), quantization.DeQuantStub()).train()
    wrapped.qconfig = quantization.get_default_qat_qconfig("x86")
    prepared: nn.Module = quantization.prepare_qat(wrapped)
    prepared(*drawn(1, 64, 28, 28)[0])
    return for_inference(prepared), drawn(1, 64, 28, 28)


def never_quantized() -> Made:
    """Converted without having been prepared: every layer is float still."""
    made: nn.Module = quantization.convert(copy.deepcopy(convolutions().eval()))
    return for_inference(made), drawn(1, 64, 28, 28)


def uncalibrated() -> Made:
    inputs = drawn(1, 64, 28, 28)
    return _static(convolutions(), inputs, "x86", calibrate=False), inputs


# layout, and fusion


def _for_layout() -> nn.Module:
    torch.manual_seed(0)
    parts: list[nn.Module] = []
    for _ in range(3):
        parts += [nn.Conv2d(64, 64, 1), nn.MaxPool2d(3, 1, 1)]
    return nn.Sequential(*parts)


def contiguous() -> Made:
    return for_inference(_for_layout()), drawn(1, 64, 56, 56)


def channels_last() -> Made:
    inputs = [(x.to(memory_format=torch.channels_last),) for (x,) in drawn(1, 64, 56, 56)]
    return for_inference(_for_layout()).to(memory_format=torch.channels_last), inputs


def _pointwise() -> nn.Sequential:
    torch.manual_seed(0)
    parts: list[nn.Module] = []
    for _ in range(8):
        parts += [nn.Conv2d(8, 8, 1, bias=False), nn.BatchNorm2d(8)]
    return nn.Sequential(*parts)


def unfused() -> Made:
    return for_inference(_pointwise()), drawn(1, 8, 96, 96)


def fused() -> Made:
    plain = _pointwise().eval()
    pairs = [[str(place), str(place + 1)] for place in range(0, len(plain), 2)]
    return for_inference(quantization.fuse_modules(plain, pairs)), drawn(1, 8, 96, 96)


# nulls


def small_linear() -> Made:
    torch.manual_seed(0)
    return for_inference(nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 512))), drawn(16, 512)


def small_linear_again() -> Made:
    return small_linear()
