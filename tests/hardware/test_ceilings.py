"""The ceilings of this machine, measured for real."""

from __future__ import annotations

import os

import pytest

from ironlaw.fact import Ceilings
from ironlaw.machine.ceilings import measure_ceilings
from ironlaw.machine.inspection import inspect_machine
from ironlaw.missing import is_known

pytestmark = pytest.mark.hardware


@pytest.fixture(scope="module")
def ceilings() -> Ceilings:
    cpu = max(os.sched_getaffinity(0))
    return measure_ceilings(inspect_machine(), threads=1, cpus=(cpu,))


def test_one_core_s_arithmetic_is_within_what_any_core_can_do(ceilings: Ceilings) -> None:
    # From one multiply-add a cycle at 1 GHz to two 512-bit units at 6 GHz; matrix units go 32 times beyond.
    fp32 = ceilings.macs_per_s["fp32"]
    assert is_known(fp32)
    assert 1e9 < fp32 < 200e9
    int8 = ceilings.macs_per_s["int8"]
    assert not is_known(int8) or 1e9 < int8 < 6400e9


def test_memory_and_system_costs_are_within_what_machines_have(ceilings: Ceilings) -> None:
    if is_known(ceilings.read_bytes_per_s):
        assert 0.5e9 < ceilings.read_bytes_per_s < 500e9
    if is_known(ceilings.page_fault_ns):
        assert 50 < ceilings.page_fault_ns < 50_000
    if is_known(ceilings.switch_ns):
        assert 50 < ceilings.switch_ns < 100_000


def test_every_rate_says_how_it_was_reached(ceilings: Ceilings) -> None:
    known = {kind for kind, rate in ceilings.macs_per_s.items() if is_known(rate)}
    assert known <= set(ceilings.how)
