"""The most arithmetic and the most memory traffic that this machine's own libraries reach."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ironlaw.missing import Maybe, Missing, first_missing, is_known

if TYPE_CHECKING:
    import torch

_SIDES = (512, 1024, 2048)  # of square matrices: large enough to hide calls, small enough to stay in the caches
_TRY_S = 0.1
_STREAM_TRIES = 3
_QUANTIZED_ENGINES = ("onednn", "x86", "fbgemm", "qnnpack")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The highest rate that was reached, per second, and by which routine."""

    per_s: float
    how: str


def macs_peak(kind: str) -> Maybe[Peak]:
    """The highest rate of multiply-adds of a kind (fp32, bf16, int8) that torch reaches here.

    The fastest routine on small matrices is tried on larger ones.

    Raises:
        KeyError: there is no such kind.
    """
    routines = {"fp32": _float_routines, "bf16": _bf16_routines, "int8": _int8_routines}[kind]
    first = [_rate(name, prepare, _SIDES[0]) for name, prepare in routines(_SIDES[0])]
    fastest = max((found for found in first if is_known(found)), key=lambda peak: peak.per_s, default=None)
    if fastest is None:
        return first_missing(*first) or Missing(f"torch has no {kind} matrix multiplication here")
    for side in _SIDES[1:]:
        for name, prepare in routines(side):
            found = _rate(name, prepare, side) if fastest.how.startswith(f"{name},") else Missing("a slower routine")
            if is_known(found) and found.per_s > fastest.per_s:
                fastest = found
    return fastest


def _rate(name: str, prepare: Callable[[], Callable[[], object]], side: int) -> Maybe[Peak]:
    try:
        taken_s = _least_s(prepare())
    except (RuntimeError, NotImplementedError, AttributeError) as error:
        return Missing(f"{name}: {error}".splitlines()[0])
    return Peak(per_s=side**3 / taken_s, how=f"{name}, {side}x{side}x{side}")


_Routine = tuple[str, Callable[[], Callable[[], object]]]


def _float_routines(side: int) -> Iterator[_Routine]:
    import torch

    yield "torch.mm float32", lambda: _dense(side, torch.float32)


def _bf16_routines(side: int) -> Iterator[_Routine]:
    import torch

    yield "torch.mm bfloat16", lambda: _dense(side, torch.bfloat16)


def _dense(side: int, dtype: torch.dtype) -> Callable[[], object]:
    import torch

    left, right = (torch.randn(side, side).to(dtype) for _ in range(2))
    out = torch.empty(side, side, dtype=dtype)
    return lambda: torch.mm(left, right, out=out)


def _int8_routines(side: int) -> Iterator[_Routine]:
    import torch

    yield "torch._int_mm", lambda: _int_mm(side)
    for engine in _QUANTIZED_ENGINES:
        if engine in torch.backends.quantized.supported_engines:
            yield f"quantized.linear of {engine}", lambda engine=engine: _quantized(side, engine)  # type: ignore[misc]


def _int_mm(side: int) -> Callable[[], object]:
    import torch

    left, right = (torch.randint(-128, 128, (side, side), dtype=torch.int8) for _ in range(2))
    return lambda: torch._int_mm(left, right)


def _quantized(side: int, engine: str) -> Callable[[], object]:
    """A linear layer whose weights were packed before, as quantized models have them."""
    import torch

    torch.backends.quantized.engine = engine
    weight = torch.quantize_per_tensor(torch.randn(side, side), 0.02, 0, torch.qint8)
    packed = torch.ops.quantized.linear_prepack(weight, None)
    images = torch.quantize_per_tensor(torch.randn(side, side), 0.02, 64, torch.quint8)
    return lambda: torch.ops.quantized.linear(images, packed, 1.0, 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """The highest rates of streaming through memory, in bytes per second."""

    read: Peak
    write: Peak
    copy: Peak


def stream_peaks(size: int) -> Streams:
    """Streaming over a buffer of `size` bytes; a copy goes from one half to the other and counts both ways."""
    import torch

    buffer = torch.zeros(size // 4)
    half = buffer.numel() // 2
    source, target = buffer[:half], buffer[half : 2 * half]
    bytes_moved = buffer.numel() * 4
    reading: dict[str, Callable[[], object]] = {"dot product": lambda: torch.dot(buffer, buffer), "sum": buffer.sum}
    return Streams(
        read=max(
            (Peak(per_s=bytes_moved / _least_s(work, tries=_STREAM_TRIES), how=name) for name, work in reading.items()),
            key=lambda peak: peak.per_s,
        ),
        write=Peak(per_s=bytes_moved / _least_s(buffer.zero_, tries=_STREAM_TRIES), how="fill with zeros"),
        copy=Peak(per_s=bytes_moved / _least_s(lambda: target.copy_(source), tries=_STREAM_TRIES), how="copy"),
    )


def _least_s(work: Callable[[], object], *, tries: int | None = None) -> float:
    """The shortest run after a first one that does not count: of `tries`, or of as many as fit a tenth of a second."""
    work()
    least, ends = float("inf"), time.perf_counter() + _TRY_S
    done = 0
    while done < tries if tries else done == 0 or time.perf_counter() < ends:
        begun = time.perf_counter()
        work()
        least = min(least, time.perf_counter() - begun)
        done += 1
    return least
