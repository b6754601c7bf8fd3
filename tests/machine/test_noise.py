"""The same work against itself."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from ironlaw.machine.noise import Noise, measure_noise
from ironlaw.missing import Missing


def in_a_fresh_interpreter(code: str) -> str:
    """What the code prints; forking inside pytest, with whatever threads it has by then, is asking for trouble."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, timeout=60, text=True, env=environment
    )
    return answer.stdout.strip()


def test_a_replicate_has_one_ratio_for_each_round_and_leaves_no_process() -> None:
    code = """
import os, random
from ironlaw.machine.noise import measure_replicate
ratios = measure_replicate(0.0, rng=random.Random(0))
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print(len(ratios), "ratio, no child left")
"""
    assert in_a_fresh_interpreter(code) == "1 ratio, no child left"


def test_twins_end_in_any_order_although_each_holds_the_other_s_pipe() -> None:
    code = """
from ironlaw.machine.noise import _Twin
first, second = _Twin(int), _Twin(int)
print(first.turn_ps() > 0, second.turn_ps() > 0)
first.end()
second.end()
"""
    assert in_a_fresh_interpreter(code) == "True True"


def test_the_mean_of_a_replicate_is_that_of_its_rounds() -> None:
    noise = Noise(rounds=((0.1, 0.3), (-0.2,)), took_s=1.0)
    assert noise.means == pytest.approx((0.2, -0.2))


def test_a_replicate_that_fails_is_a_gap_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise subprocess.CalledProcessError(1, "python", stderr=b"Traceback\nMemoryError: no room\n")

    monkeypatch.setattr(subprocess, "run", fail)
    found = measure_noise(1.0, cpu=0)
    assert isinstance(found, Missing)
    assert found.reason.endswith("MemoryError: no room")


def test_every_replicate_gets_another_stack_and_the_same_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    paddings, cpus = set(), set()

    def answer(command: list[str], *, env: dict[str, str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        paddings.add(len(env["IRONLAW_PADDING"]))
        cpus.add(command[-1])
        return subprocess.CompletedProcess(command, 0, stdout=b"[0.01, -0.01]")

    monkeypatch.setattr(subprocess, "run", answer)
    found = measure_noise(1.0, cpu=3)
    assert isinstance(found, Noise)
    assert len(found.rounds) == 8
    assert len(paddings) == 8
    assert cpus == {"3"}
