"""TorchScript: traced and frozen, float and int8."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from ironlaw.engines.torchscript import execution as engine
from ironlaw.errors import ArmFailed

from .. import small

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("build", [small.seeing, small.reading, small.two])
def test_float_answers_as_the_module_does(build: type, tmp_path: Path) -> None:
    model = build()
    prepared, _, answers = small.run(engine, "fp32@torchscript", model, tmp_path)
    torch.testing.assert_close(answers, small.expected(model), rtol=1e-4, atol=1e-5)
    assert {"trace", "freeze"} <= set(prepared.phases_ns)


def test_int8_gives_same_outputs_and_runs_int8_operators(tmp_path: Path) -> None:
    model = small.seeing()
    prepared, _, answers = small.run(engine, "int8@torchscript", model, tmp_path)
    assert 20 < small.sqnr_db(answers, small.expected(model)) < 70
    jit: Any = torch.jit  # torch leaves it untyped
    graph = str(jit.load(prepared.path).inlined_graph)
    assert "quantized::conv2d" in graph
    assert "quantized::linear" in graph


def test_int8_of_a_module_with_nothing_to_quantize_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match="int8"):
        small.run(engine, "int8@torchscript", small.eigenvalues(), tmp_path)


def test_bfloat16_is_refused_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match="torchscript cannot run bf16"):
        small.run(engine, "bf16@torchscript", small.seeing(), tmp_path)
