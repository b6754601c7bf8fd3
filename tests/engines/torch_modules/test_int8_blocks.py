"""int8-blocks: exactly the modules that are named become int8."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from ironlaw.engines.border.phases import Phases
from ironlaw.engines.torch_modules import int8 as eager_int8
from ironlaw.errors import ArmFailed, BadInput
from ironlaw.factors import FACTORS
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
    [
        ("all", {"0.0", "1.0", "2.0"}),
        ("only:1", {"1.0"}),
        ("but:1", {"0.0", "2.0"}),
        ("none", set()),
        ("but:0:2", {"1.0"}),
        ("only:0:2", {"0.0", "2.0"}),
    ],
)
def test_only_the_blocks_that_are_named_are_int8(blocks: str, expected: set[str]) -> None:
    assert int8_paths(made(blocks)) == expected


def test_a_user_learns_how_to_leave_blocks_in_float_and_no_single_flip_is_offered() -> None:
    factor = FACTORS["int8-blocks"]
    assert "features.1, features.2" in factor.remedy("but:features.1:features.2")
    assert not factor.remedy("only:features.1")
    assert not factor.remedy("none")


def test_a_path_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ArmFailed, match="no module '7'"):
        made("only:7")


def test_a_block_without_int8_kernels_is_refused() -> None:
    with pytest.raises(ArmFailed, match=r"nothing in 0\.2 has an int8 kernel"):
        made("only:0.2")


def test_levels_are_written_as_they_are_read() -> None:
    for level in ("only:features.3", "but:features.3:features.4"):
        text = f"int8+fused+int8-blocks={level}"
        assert str(Variant.parse(text)) == text
    for level in ("only:", "but:features.3:", "but::"):
        with pytest.raises(BadInput):
            Variant.parse(f"int8+int8-blocks={level}")
