"""activation-ranges=fixed computes what dynamic quantization computes, by ranges that are known beforehand."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from ironlaw.engines.border.phases import Phases
from ironlaw.engines.torch_modules import int8 as eager_int8
from ironlaw.errors import ArmFailed
from ironlaw.factors.activation_ranges import FACTOR, range_finders
from ironlaw.measure.census import take_census
from ironlaw.program import Program

pytestmark = pytest.mark.filterwarnings("ignore")


def floats() -> Any:
    from torch import manual_seed, nn

    manual_seed(0)
    return nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4)).eval().requires_grad_(False)


def dynamic(module: Any, *inputs: Any, engine: str = "x86") -> Program:
    """The module quantized dynamically, as an arm's program."""
    import torch

    if engine not in torch.backends.quantized.supported_engines:
        pytest.skip(f"this torch has no {engine}")
    made = eager_int8.quantize_dynamic(module, engine, Phases()).module
    return Program(infer=made, inputs=[(x,) for x in inputs], module=made)


def rows(seed: int) -> Any:
    import torch

    return torch.randn(5, 16, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("engine", ["x86", "fbgemm"])
def test_an_input_of_the_range_that_was_seen_is_answered_the_same_to_the_bit(engine: str) -> None:
    x = rows(1)
    program = dynamic(floats(), x, engine=engine)
    before = program.infer(x)
    after = FACTOR.change("fixed", program).infer(x)
    assert bool((after == before).all())
    assert not list(range_finders(program.module))


def test_layers_fused_with_a_relu_keep_it() -> None:
    intrinsic: Any = importlib.import_module("torch.ao.nn.intrinsic.quantized.dynamic")
    import torch

    x = rows(1)
    program = dynamic(floats(), x)
    held: Any = program.module
    held[0].__class__ = intrinsic.LinearReLU
    before = held[0](x)
    FACTOR.change("fixed", program)
    assert bool((held[0](x) == before).all())
    assert float(before.min()) == 0
    assert isinstance(before, torch.Tensor)


def test_the_range_is_that_of_all_inputs_of_the_arm() -> None:
    wide = rows(1) * 10
    program = FACTOR.change("fixed", dynamic(floats()[:1], rows(2), wide))
    beside = dynamic(floats()[:1], wide)
    assert bool((program.infer(wide) == beside.infer(wide)).all())


def test_no_dynamic_operator_is_executed_any_more() -> None:
    program = dynamic(floats(), rows(1))
    before = take_census(program).counts
    assert (before["dynamic_operators"], before["range_finders"]) == (2, 2)
    after = take_census(FACTOR.change("fixed", program)).counts
    assert (after["dynamic_operators"], after["range_finders"]) == (0, 0)
    assert after["operators"] == before["operators"]
    assert after["int8_operators"] == before["int8_operators"]


def test_it_can_be_applied_together_with_tracing() -> None:
    from ironlaw.factors import FACTORS
    from ironlaw.variant import Variant

    x = rows(1)
    program = dynamic(floats(), x)
    before = program.infer(x)
    for name, level in Variant.parse("int8-dynamic+dispatch=traced+activation-ranges=fixed").changed:
        program = FACTORS[name].change(level, program)
    traced: Any = program.infer
    assert "linear_with_input_q_dq_qweight_dq_output_fp32" in str(traced.inlined_graph)
    assert bool((program.infer(x) == before).all())


def test_an_lstm_finds_ranges_that_it_cannot_be_given() -> None:
    from torch import manual_seed, nn

    manual_seed(0)
    counted = take_census(dynamic(nn.Sequential(nn.LSTM(16, 8)).eval(), rows(1)[None])).counts
    assert (counted["dynamic_operators"], counted["range_finders"]) == (1, 0)


def test_a_float_model_is_refused() -> None:
    with pytest.raises(ArmFailed, match="no layer of this model finds a range"):
        FACTOR.change("fixed", Program(infer=floats(), inputs=[(rows(1),)], module=floats()))


def test_layers_packed_for_another_library_are_refused() -> None:
    with pytest.raises(ArmFailed, match="packed for x86 or fbgemm"):
        FACTOR.change("fixed", dynamic(floats(), rows(1), engine="qnnpack"))
