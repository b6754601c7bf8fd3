"""Surveys and the census watch the dispatcher without torch's compiler, which takes longer to import than they do."""

from __future__ import annotations

import subprocess
import sys

import pytest

WATCH = """
import sys, torch
from ironlaw.measure.census import take_census
from ironlaw.measure.layers.survey import survey
from ironlaw.program import Program
module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU()).eval()
program = Program(infer=module, inputs=[(torch.zeros(1, 3, 8, 8),)], module=module, guard=torch.inference_mode)
counts = take_census(program).counts
found = survey(program, "fp32")
print(counts["operators"] > 0, "torch._dynamo" in sys.modules)
"""


def test_watching_the_dispatcher_imports_no_compiler() -> None:
    pytest.importorskip("torch")
    done = subprocess.run([sys.executable, "-c", WATCH], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "False"]
