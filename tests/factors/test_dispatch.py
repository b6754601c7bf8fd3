"""Replaying without Python: only what holds for every input is replayed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from ironlaw.errors import ArmFailed
from ironlaw.factors.dispatch import FACTOR
from ironlaw.program import Program


class Counting(nn.Module):
    """Adds as many columns as Python counts."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return sum((x[:, place] for place in range(int(x.shape[1]))), torch.zeros(1))


@pytest.fixture(autouse=True)
def torch_as_it_was() -> Iterator[None]:
    executor = torch._C._jit_set_profiling_executor(True)
    fuser = torch._C._jit_texpr_fuser_enabled()
    torch._C._jit_set_profiling_executor(executor)
    yield
    torch._C._jit_set_profiling_executor(executor)
    torch._C._jit_set_texpr_fuser_enabled(fuser)


def program(*lengths: int) -> Program:
    module = Counting()
    return Program(infer=module, module=module, inputs=[(torch.ones(1, length),) for length in lengths])


@pytest.mark.filterwarnings("ignore")
def test_what_was_traced_for_one_length_is_not_replayed_for_another() -> None:
    with pytest.raises(ArmFailed, match="inputs of shape 1x9"):
        FACTOR.change("traced", program(5, 9))


@pytest.mark.filterwarnings("ignore")
def test_inputs_of_one_shape_are_replayed() -> None:
    traced = FACTOR.change("traced", program(5, 5))
    assert float(traced.infer(torch.ones(1, 5))) == 5.0
