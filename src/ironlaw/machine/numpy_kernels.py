"""numpy's kernels, used to measure a machine's ceilings if torch is not installed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ironlaw.machine.peaks import Routine, Streaming, Work
from ironlaw.missing import Maybe, Missing


def routines(kind: str, side: int) -> Maybe[Iterable[Routine]]:
    """Routines that multiply square matrices of a number format: float32 only, by numpy's BLAS."""
    if kind != "fp32":
        return Missing(f"numpy has no kernel for {kind} matrices; torch has, and is not installed")
    return [(f"numpy.matmul float32 ({_blas()})", lambda: _dense(side))]


def _blas() -> str:
    import numpy

    about: Any = {}
    with contextlib.suppress(TypeError):  # numpy before 1.25 prints it only
        about = numpy.show_config(mode="dicts")
    return str(about.get("Build Dependencies", {}).get("blas", {}).get("name", "a BLAS that it does not name"))


def _dense(side: int) -> Work:
    import numpy

    draw = numpy.random.default_rng(0)
    left, right = (draw.standard_normal((side, side), dtype=numpy.float32) for _ in range(2))
    out = numpy.empty((side, side), dtype=numpy.float32)
    return lambda: numpy.matmul(left, right, out=out)


def streaming(size: int, threads: int) -> Streaming:
    """Routines that stream through memory, one part per thread; numpy releases the GIL."""
    import numpy

    buffer = numpy.zeros(size // 4, dtype=numpy.float32)
    half = buffer.size // 2
    source, target = buffer[:half], buffer[half : 2 * half]
    wholes, sources, targets = (numpy.array_split(one, threads) for one in (buffer, source, target))
    pool = ThreadPoolExecutor(threads)

    def each(work: Callable[..., object], *parts: list[Any]) -> Work:
        return lambda: list(pool.map(work, *parts))

    return Streaming(
        size=buffer.nbytes,
        read={
            "numpy.dot": lambda: numpy.dot(buffer, buffer),  # threaded by its BLAS
            "numpy.max": each(numpy.max, wholes),
            "numpy.sum": each(numpy.sum, wholes),
        },
        write={"numpy.copyto of zero": each(lambda part: numpy.copyto(part, 0.0), wholes)},
        copy={"numpy.copyto": each(numpy.copyto, targets, sources)},
    )
