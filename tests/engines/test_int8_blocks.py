"""int8-blocks: exactly the modules that are named become int8."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from ironlaw.engines import eager_int8
from ironlaw.engines.phases import Phases
from ironlaw.errors import ArmFailed, BadInput
from ironlaw.variant import Variant

torch = pytest.importorskip("torch")
nn = torch.nn


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def block() -> Any:
    return nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())


def network() -> Any:
    return nn.Sequential(block(), block(), block()).eval()


def made(blocks: str) -> Any:
    example = (torch.randn(1, 4, 8, 8),)
    with torch.no_grad():
        return eager_int8.quantize_blocks(
            network(), [example], blocks=blocks, fused=True, backend=eager_int8.preferred_backend(), phases=Phases()
        ).module


def int8_paths(module: Any) -> set[str]:
    return {path for path, part in module.named_modules() if "quantized" in type(part).__module__}


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [("all", {"0.0", "1.0", "2.0"}), ("only:1", {"1.0"}), ("but:1", {"0.0", "2.0"}), ("none", set())],
)
def test_only_the_blocks_that_are_named_are_int8(blocks: str, expected: set[str]) -> None:
    assert int8_paths(made(blocks)) == expected


def test_a_path_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ArmFailed, match="no module '7'"):
        made("only:7")


def test_a_block_without_int8_kernels_is_refused() -> None:
    with pytest.raises(ArmFailed, match=r"nothing in 0\.2 has an int8 kernel"):
        made("only:0.2")


def test_levels_are_written_as_they_are_read() -> None:
    text = "int8+fused+int8-blocks=only:features.3"
    assert str(Variant.parse(text)) == text
    with pytest.raises(BadInput):
        Variant.parse("int8+int8-blocks=only:")
