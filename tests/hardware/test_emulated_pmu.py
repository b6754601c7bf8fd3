"""The tests of the PMU again, on that of an emulated machine: under a real kernel, whatever this machine has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.hardware.emulated import machine

pytestmark = pytest.mark.hardware

TESTS = ("test_pmu.py", "sampled/test_cycles.py")
FOLDER = "IRONLAW_EMULATED_MACHINE"
# The clock of the machine advances by 1 ns for each instruction, of which some hundred million a second are emulated:
# the 20 s that samples take by it are minutes here. A machine that hangs must not hang the tests.
LIMIT_S = 1800.0


@pytest.fixture(scope="module")
def emulated() -> Path:
    if FOLDER not in os.environ:
        pytest.skip(f"no emulated machine: `python -m tests.hardware.emulated.machine build X`, then {FOLDER}=X")
    if machine.lacking():
        pytest.skip(f"no emulator: apt-get install {' '.join(machine.lacking())}")
    return Path(os.environ[FOLDER])


def test_the_tests_of_the_pmu_pass_on_an_emulated_one(emulated: Path) -> None:
    """In one boot, which takes as long as half of the tests."""
    files = " ".join(f"tests/hardware/{tests}" for tests in TESTS)
    ended = machine.run(emulated, f"python3 -m pytest -p no:cacheprovider {files}", limit_s=LIMIT_S)
    assert ended.status == 0, ended.printed
    assert "passed" in ended.printed
    assert "skipped" not in ended.printed, ended.printed
