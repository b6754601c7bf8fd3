"""One Core in each process: a signal that Python handles reaches a process whose models came and went."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("openvino")

CODE = """
import gc, os, signal
import numpy, openvino
from openvino import opset13 as ops
from ironlaw.engines.openvino.model import core

x = ops.parameter([4, 64], numpy.float32)
model = openvino.Model([ops.relu(x)], [x], "model")
first = core().compile_model(model, "CPU")
second = core().compile_model(model, "CPU")
del first
gc.collect()
del second
gc.collect()
signal.signal(signal.SIGINT, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGINT)
"""


def test_a_signal_is_handled_after_models_were_compiled_and_freed() -> None:
    ended = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "handled\n"), ended.stderr
