"""convolution=dense computes the same function: grouped and dilated, float and int8."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from ironlaw.errors import ArmFailed
from ironlaw.factors.convolution import FACTOR, sparse_convolutions
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
    assert not list(sparse_convolutions(module))
    return before, module(x)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_float_answers_stay(shape: dict[str, Any]) -> None:
    before, after = rewritten(layer(shape))
    assert after.shape == before.shape
    assert float((after - before).abs().max()) < 1e-5


def quantized(shape: dict[str, Any], *, engine: str) -> Any:
    """The layer in int8 between its conversions, packed for an engine."""
    quantization: Any = importlib.import_module("torch.ao.quantization")
    import torch

    if engine not in torch.backends.quantized.supported_engines:
        pytest.skip(f"this torch has no {engine}")
    torch.backends.quantized.engine = engine
    wrapped: Any = torch.nn.Sequential(quantization.QuantStub(), layer(shape), quantization.DeQuantStub()).eval()
    wrapped.qconfig = quantization.get_default_qconfig("fbgemm")
    prepared = quantization.prepare(wrapped)
    prepared(picture())
    return quantization.convert(prepared)


# FBGEMM's depth-wise kernel takes no other padding than half the kernel.
UNPADDED: dict[str, Any] = {"groups": 8, "padding": 0}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shape", [*SHAPES, UNPADDED], ids=str)
def test_int8_answers_stay_to_the_bit(shape: dict[str, Any]) -> None:
    before, after = rewritten(quantized(shape, engine="fbgemm"))
    assert bool((after == before).all())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("shape", "engine", "found"),
    [
        (UNPADDED, "fbgemm", 1),
        ({"groups": 8, "padding": 1}, "fbgemm", 0),
        (UNPADDED, "onednn", 0),
    ],
)
def test_a_depth_wise_int8_convolution_lacks_a_kernel_in_fbgemm_unless_padded_by_half(
    shape: dict[str, Any], engine: str, found: int
) -> None:
    assert len(list(sparse_convolutions(quantized(shape, engine=engine)))) == found


@pytest.mark.parametrize("padding", [0, 1])
def test_a_depth_wise_float_convolution_is_left_alone(padding: int) -> None:
    assert not list(sparse_convolutions(layer({"groups": 8, "padding": padding})))


def test_a_net_without_such_layers_is_refused() -> None:
    module = layer({"padding": 1})
    with pytest.raises(ArmFailed, match="fast kernel"):
        FACTOR.change("dense", Program(infer=module, inputs=[(picture(),)], module=module))


@pytest.mark.filterwarnings("ignore")
def test_a_functional_convolution_of_a_traced_model_is_found_and_rewritten_as_well() -> None:
    import torch

    fx: Any = importlib.import_module("torch.ao.quantization.quantize_fx")
    quantization: Any = importlib.import_module("torch.ao.quantization")

    class Padding(torch.nn.Conv2d):
        def forward(self, x: Any) -> Any:
            padded = torch.nn.functional.pad(x, (1, 1, 1, 1))
            return torch.nn.functional.conv2d(
                padded, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
            )

    if "fbgemm" not in torch.backends.quantized.supported_engines:
        pytest.skip("this torch has no fbgemm")
    torch.backends.quantized.engine = "fbgemm"
    torch.manual_seed(0)
    prepared = fx.prepare_fx(
        torch.nn.Sequential(Padding(8, 8, 3, groups=8)).eval(),
        quantization.get_default_qconfig_mapping("fbgemm"),
        (picture(),),
    )
    prepared(picture())
    traced = fx.convert_fx(prepared)
    assert len(list(sparse_convolutions(traced))) == 1
    before, after = rewritten(traced)
    assert bool((after == before).all())
