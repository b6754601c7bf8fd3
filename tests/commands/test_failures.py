"""What goes wrong with one arm is that arm's failure, with its reason; the others are measured, and the code is 3."""

from __future__ import annotations

from pathlib import Path

import pytest

import ironlaw
from ironlaw.cli import run
from ironlaw.errors import ExitCode

PROGRAMS = """
import os, signal, torch
from torch import nn

def good():
    return nn.Linear(4, 3).eval(), [(torch.ones(1, 4),)] * 8

def raises():
    raise ValueError("no weights here")

def other():
    return 3

def shape():
    return nn.Linear(4, 4), torch.ones(1, 5)

def out_of_memory():
    os.kill(os.getpid(), signal.SIGKILL)

def truncated():
    torch.save({"a": torch.ones(1000)}, "cut.pth")
    whole = open("cut.pth", "rb").read()
    open("cut.pth", "wb").write(whole[: len(whole) // 2])
    return nn.Linear(4, 4).load_state_dict(torch.load("cut.pth", weights_only=True))
"""
SAID = {
    "raises": "raised ValueError: no weights here",
    "other": "returned an int",
    "shape": "cannot take float32 1x5",
    "out_of_memory": "killed by SIGKILL (often: out of memory)",
    "truncated": "RuntimeError",
    "corrupt": "cannot be read as a model: it is not a protocol buffer",
}


@pytest.mark.hardware
def test_every_wrong_arm_says_why_and_the_good_one_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    Path("programs.py").write_text(PROGRAMS)
    Path("corrupt.onnx").write_bytes(b"no protocol buffer")
    arms = [f"{name}=programs.py:{name}" for name in ("good", *SAID) if name != "corrupt"] + ["corrupt=corrupt.onnx"]
    options = [
        "--n",
        "8",
        "--replicates",
        "1",
        "--no-counters",
        "--experiments",
        "none",
        "--out",
        "run.jsonl",
        "--quiet",
    ]
    code = run(["run", *(word for arm in arms for word in ("--arm", arm)), *options])
    assert code == ExitCode.INCOMPLETE
    recording = ironlaw.load("run.jsonl")
    reasons = {failure.arm: failure.reason for failure in recording.failures}
    assert set(reasons) == set(SAID)
    for arm, said in SAID.items():
        assert said in reasons[arm]
    assert {reading.arm for reading in recording.readings} == {"good", "good (again)"}
    assert ironlaw.explain(recording).arms[0].failure == ""
