"""numpy's kernels: what they multiply, and that every byte is streamed whatever the number of threads."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

from ironlaw.machine import ceilings, numpy_kernels, peaks
from ironlaw.missing import Missing, is_known


@pytest.mark.parametrize("kind", ["bf16", "int8"])
def test_what_numpy_cannot_multiply_is_a_gap_that_names_torch(kind: str) -> None:
    found = peaks.macs_peak(numpy_kernels, kind)
    assert isinstance(found, Missing)
    assert kind in found.reason
    assert "torch" in found.reason


def test_a_rate_of_float32_says_by_which_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "_SIDES", (8, 16))
    monkeypatch.setattr(peaks, "_TRY_S", 0.0)
    found = peaks.macs_peak(numpy_kernels, "fp32")
    assert is_known(found)
    assert found.per_s > 0
    assert "numpy.matmul float32 (" in found.how


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_byte_is_written_copied_and_read(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    zeros = np.zeros

    def kept(*arguments: Any, **options: Any) -> Any:
        made.append(zeros(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(np, "zeros", kept)
    streaming = numpy_kernels.streaming(4 * 1002, threads)
    [buffer] = made
    assert streaming.size == buffer.nbytes == 4 * 1002
    buffer[:] = np.arange(1002)
    largest: Any = streaming.read["numpy.max"]()
    assert max(largest) == 1001
    total: Any = streaming.read["numpy.sum"]()
    assert sum(total) == sum(range(1002))
    streaming.copy["numpy.copyto"]()
    assert np.array_equal(buffer[501:], np.arange(501))
    streaming.write["numpy.copyto of zero"]()
    assert not buffer.any()


def test_where_torch_is_not_installed_numpy_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert ceilings._kernels(1) is numpy_kernels
