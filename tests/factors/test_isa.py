"""isa: the caps reach libraries that are imported already, and are refused where these have computed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ironlaw.factors.isa import FACTOR
from ironlaw.missing import is_known

LEVEL = "avx2"
NEEDED = pytest.mark.skipif(not is_known(FACTOR.possible(LEVEL)), reason=f"isa={LEVEL} is no cap on this CPU")
AFTER_IMPORT = """
import torch
{first}
from ironlaw.errors import ArmFailed
from ironlaw.factors.isa import FACTOR
from ironlaw.program import Program
try:
    FACTOR.enter("avx2")
except ArmFailed as error:
    print(error.message)
else:
    module = torch.nn.Conv2d(64, 64, 3).eval()
    with torch.inference_mode():
        print(FACTOR.read_back("avx2", Program(infer=module, inputs=[(torch.ones(1, 64, 56, 56),)])))
"""


def printed(first: str) -> str:
    script = AFTER_IMPORT.format(first=first)
    return subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout


@NEEDED
def test_a_cap_set_after_importing_torch_is_in_effect() -> None:
    said = printed("")
    assert "ATen AVX2" in said
    assert "FBGEMM avx2" in said
    assert "avx512" not in said


@NEEDED
def test_a_cap_that_comes_too_late_is_refused() -> None:
    assert "isa=avx2 came too late: ATen uses" in printed("torch.backends.cpu.get_cpu_capability()")


UNDER_A_CAP = """
import openvino
from openvino import opset13 as op
from ironlaw.engines.openvino import properties
from ironlaw.factors.isa import FACTOR
from ironlaw.variant import Variant
FACTOR.enter("avx2")
given = op.parameter([1, 16, 8, 8], openvino.Type.f32)
mean = op.reduce_mean(op.relu(given), op.constant([2, 3], openvino.Type.i64), keep_dims=True)
compiled = openvino.Core().compile_model(openvino.Model([mean], [given]), "CPU")
print(properties.in_effect(Variant.parse("fp32@openvino+isa=avx2"), compiled, lambda one: compiled, []))
"""


@NEEDED
def test_a_cap_holds_for_the_kernels_that_openvino_generates_without_onednn() -> None:
    """Reduce is one: under oneDNN's cap alone it remained `jit_avx512`, and the arm was refused."""
    pytest.importorskip("openvino")
    said = subprocess.run([sys.executable, "-c", UNDER_A_CAP], check=False, capture_output=True, text=True)
    assert "jit_avx2_f32" in said.stdout, said.stderr
    assert "avx512" not in said.stdout


def test_a_capped_arm_is_forked_from_the_interpreter_of_the_others() -> None:
    assert FACTOR.environment(LEVEL) == {}
