"""convolution=dense computes the same function: grouped and dilated, float and int8."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from ironlaw.errors import ArmFailed
from ironlaw.factors.convolution import FACTOR, sparse_layers
from ironlaw.program import Program

SHAPES = [
    {"groups": 4, "padding": 1},
    {"dilation": 2, "padding": 2},
    {"groups": 2, "dilation": (1, 2), "padding": (1, 2), "stride": 2},
    {"groups": 8, "dilation": 2, "padding": 2},
]


def layer(shape: dict[str, Any]) -> Any:
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(8, 8, 3, **shape)).eval().requires_grad_(False)


def picture() -> Any:
    import torch

    return torch.randn(1, 8, 11, 9, generator=torch.Generator().manual_seed(1))


def rewritten(module: Any) -> tuple[Any, Any]:
    x = picture()
    before = module(x)
    FACTOR.change("dense", Program(infer=module, inputs=[(x,)], module=module))
    assert not list(sparse_layers(module))
    return before, module(x)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_float_answers_stay(shape: dict[str, Any]) -> None:
    before, after = rewritten(layer(shape))
    assert after.shape == before.shape
    assert float((after - before).abs().max()) < 1e-5


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_int8_answers_stay_to_the_bit(shape: dict[str, Any]) -> None:
    quantization: Any = importlib.import_module("torch.ao.quantization")
    import torch

    if "fbgemm" not in torch.backends.quantized.supported_engines:
        pytest.skip("this torch has no FBGEMM")
    torch.backends.quantized.engine = "fbgemm"
    wrapped: Any = torch.nn.Sequential(quantization.QuantStub(), layer(shape), quantization.DeQuantStub()).eval()
    wrapped.qconfig = quantization.get_default_qconfig("fbgemm")
    prepared = quantization.prepare(wrapped)
    prepared(picture())
    before, after = rewritten(quantization.convert(prepared))
    assert bool((after == before).all())


def test_a_depth_wise_convolution_is_left_alone() -> None:
    assert not list(sparse_layers(layer({"groups": 8, "padding": 1})))


def test_a_net_without_such_layers_is_refused() -> None:
    module = layer({"padding": 1})
    with pytest.raises(ArmFailed, match="groups or dilation"):
        FACTOR.change("dense", Program(infer=module, inputs=[(picture(),)], module=module))
