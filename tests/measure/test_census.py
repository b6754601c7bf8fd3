"""The census sees what is executed, whatever the modules are called."""

from __future__ import annotations

from typing import Any

import pytest

from ironlaw.measure.census import take_census
from ironlaw.program import Program

from ..hardware.planted import programs


def counted(made: programs.Made) -> dict[str, Any]:
    module, inputs = made
    return dict(take_census(Program(infer=module, inputs=inputs, module=module)).counts)


@pytest.mark.filterwarnings("ignore")
def test_a_net_left_in_quantization_aware_training_simulates() -> None:
    found = counted(programs.still_simulated())
    assert found["fake_quantize_operators"] > 0
    assert found["int8_operators"] == 0


@pytest.mark.filterwarnings("ignore")
def test_observers_that_never_saw_data_leave_unit_scales() -> None:
    assert counted(programs.uncalibrated())["unit_scales"] >= 2
    assert counted(programs.int8_by_x86())["unit_scales"] == 0


@pytest.mark.filterwarnings("ignore")
def test_dynamic_operators_are_counted_apart_from_static_ones() -> None:
    found = counted(programs.ranges_looked_for())
    assert (found["dynamic_operators"], found["range_finders"]) == (16, 16)
    assert counted(programs.ranges_known())["dynamic_operators"] == 0
    assert counted(programs.int8_by_x86())["dynamic_operators"] == 0


def test_subnormal_numbers_are_seen_in_what_operators_give() -> None:
    assert counted(programs.subnormal_weights())["subnormal_share"] > 0.1
    assert counted(programs.normal_weights())["subnormal_share"] == 0


def test_batch_norms_in_float_are_counted() -> None:
    assert counted(programs.unfused())["norm_operators"] == 8
    assert counted(programs.fused())["norm_operators"] == 0


def test_of_a_large_tensor_a_sample_is_looked_at_that_shows_the_same_share() -> None:
    import torch

    from ironlaw.measure.census import MOST_VALUES, _sampled

    large = torch.ones(700, 900)
    large[::2] = 1e-39
    seen = _sampled(large)
    assert MOST_VALUES / 8 < seen.numel() <= MOST_VALUES
    assert float((seen < 1).float().mean()) == pytest.approx(0.5, abs=0.01)
    assert _sampled(large[:100]).numel() == 90_000
