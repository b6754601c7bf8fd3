"""torch's kernels, used to measure a machine's ceilings if torch is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ironlaw.machine.peaks import Routine, Streaming, Work

if TYPE_CHECKING:
    import torch

_QUANTIZED_ENGINES = ("onednn", "x86", "fbgemm", "qnnpack")


def routines(kind: str, side: int) -> Iterator[Routine]:
    """Routines that multiply square matrices of a number format.

    Raises:
        KeyError: there is no such format.
    """
    return {"fp32": _float_routines, "bf16": _bf16_routines, "int8": _int8_routines}[kind](side)


def _float_routines(side: int) -> Iterator[Routine]:
    import torch

    yield "torch.mm float32", lambda: _dense(side, torch.float32)
    # On AMD's CPUs MKL, behind torch.mm, reached 54 G multiply-adds a second where oneDNN reached 130 (Zen 5).
    yield "linear of oneDNN float32", lambda: _packed(side)


def _bf16_routines(side: int) -> Iterator[Routine]:
    import torch

    yield "torch.mm bfloat16", lambda: _dense(side, torch.bfloat16)


def _dense(side: int, dtype: torch.dtype) -> Work:
    import torch

    left, right = (torch.randn(side, side).to(dtype) for _ in range(2))
    out = torch.empty(side, side, dtype=dtype)
    return lambda: torch.mm(left, right, out=out)


def _packed(side: int) -> Work:
    """A linear layer whose weights oneDNN packed, as Inductor calls it."""
    import torch

    rows, weight = torch.randn(side, side), torch.randn(side, side)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight, side)
    return lambda: torch.ops.mkldnn._linear_pointwise(rows, packed, None, "none", [], "")


def _int8_routines(side: int) -> Iterator[Routine]:
    import torch

    yield "torch._int_mm", lambda: _int_mm(side)
    for engine in _QUANTIZED_ENGINES:
        if engine in torch.backends.quantized.supported_engines:
            yield f"quantized.linear of {engine}", lambda engine=engine: _quantized(side, engine)  # type: ignore[misc]


def _int_mm(side: int) -> Work:
    import torch

    left, right = (torch.randint(-128, 128, (side, side), dtype=torch.int8) for _ in range(2))
    return lambda: torch._int_mm(left, right)


def _quantized(side: int, engine: str) -> Work:
    """A linear layer with prepacked weights, as in quantized models."""
    import torch

    torch.backends.quantized.engine = engine
    weight = torch.quantize_per_tensor(torch.randn(side, side), 0.02, 0, torch.qint8)
    packed = torch.ops.quantized.linear_prepack(weight, None)
    images = torch.quantize_per_tensor(torch.randn(side, side), 0.02, 64, torch.quint8)
    return lambda: torch.ops.quantized.linear(images, packed, 1.0, 64)


def streaming(size: int, threads: int) -> Streaming:
    """Routines that stream through memory; the size of torch's pool is already set."""
    import torch

    buffer = torch.zeros(size // 4)
    half = buffer.numel() // 2
    source, target = buffer[:half], buffer[half : 2 * half]
    return Streaming(
        size=buffer.numel() * 4,
        read={"dot product": lambda: torch.dot(buffer, buffer), "sum": buffer.sum},
        write={"fill with zeros": buffer.zero_},
        copy={"copy": lambda: target.copy_(source)},
    )
