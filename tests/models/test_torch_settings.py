"""What a user's code sets in torch is found, kept and set again; in processes of their own, since it stays set."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ironlaw.models.torch_settings import settings_notes, statements

CHANGES = {
    "threads": "torch.set_num_threads(3)",
    "threads between operators": "torch.set_num_interop_threads(3)",
    "default dtype": "torch.set_default_dtype(torch.float64)",
    "gradients": "torch.set_grad_enabled(False)",
    "float32 matmul precision": "torch.set_float32_matmul_precision('medium')",
    "deterministic algorithms": "torch.use_deterministic_algorithms(True, warn_only=True)",
    "filling of uninitialized memory": "torch.utils.deterministic.fill_uninitialized_memory = False",
    "flushing of subnormals": "torch.set_flush_denormal(True)",
    "quantized engine": "torch.backends.quantized.engine = OTHER",
    "oneDNN": "torch.backends.mkldnn.enabled = False",
    "attention's fast path": "torch.backends.mha.set_fastpath_enabled(False)",
    "flash attention": "torch.backends.cuda.enable_flash_sdp(False)",
    "memory-efficient attention": "torch.backends.cuda.enable_mem_efficient_sdp(False)",
    "plain attention": "torch.backends.cuda.enable_math_sdp(False)",
}
CHECK = """
import torch
from ironlaw.models.torch_settings import apply_settings, changed_since, read_settings
OTHER = next((e for e in torch.backends.quantized.supported_engines
              if e not in ("none", torch.backends.quantized.engine)), torch.backends.quantized.engine)
before = read_settings()
assert changed_since(before) == {}
"""


def python(code: str) -> str:
    ran = subprocess.run([sys.executable, "-c", CHECK + code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@pytest.fixture(scope="module")
def found() -> str:
    """What is found when everything is changed."""
    return python("\n".join(CHANGES.values()) + "\nprint(repr(changed_since(before)))")


@pytest.mark.parametrize("name", CHANGES)
def test_a_setting_that_is_changed_is_found(found: str, name: str) -> None:
    assert repr(name) in found


def test_settings_that_were_found_are_made_so_in_another_process(found: str) -> None:
    assert python(f"apply_settings({found})\nprint(repr(changed_since(before)))") == found


def test_settings_written_as_python_do_what_setting_them_does(found: str) -> None:
    code = f"from ironlaw.models.torch_settings import statements\nchanged = {found}\n"
    assert python(code + "exec('\\n'.join(statements(changed)))\nprint(repr(changed_since(before)))") == found


def test_a_value_is_no_code() -> None:
    (text,) = statements({"quantized engine": "x'; import os #"})
    assert text == 'torch.backends.quantized.engine = "x\'; import os #"'


def test_a_setting_that_another_process_refuses_is_a_failure_of_the_arm() -> None:
    said = python("""
from ironlaw.errors import ArmFailed
try:
    apply_settings({"quantized engine": "nothing"})
except ArmFailed as failed:
    print(failed.message)
""")
    assert said.startswith("the program sets torch's quantized engine to nothing")


def test_an_engine_without_torch_is_not_said_to_be_set_by_it() -> None:
    (used,) = settings_notes({"threads": 2}, is_used=True)
    (unused,) = settings_notes({"threads": 2}, is_used=False)
    assert "every replicate" in used
    assert "changes nothing" in unused
