"""The ceilings: what is asked for, and what comes back when it cannot be measured."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from ironlaw import lines
from ironlaw.fact import Ceilings
from ironlaw.machine import Machine
from ironlaw.machine.ceilings import KINDS, bytes_to_stream, measure_ceilings, no_ceilings
from ironlaw.missing import Missing

MIB = 1 << 20


def machine(last_cache: int) -> Machine:
    return Machine(architecture="x86_64", cpu="stated", cache_bytes={"L1d": 32 << 10, "L3": last_cache})


def memory(tmp_path: Path, mib: int) -> Path:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable: {mib * 1024} kB\n")
    return tmp_path


def test_twice_the_last_cache_is_streamed(tmp_path: Path) -> None:
    assert bytes_to_stream(machine(96 * MIB), memory(tmp_path, 8192)) == 192 * MIB


def test_a_small_cache_is_still_streamed_past_by_far(tmp_path: Path) -> None:
    assert bytes_to_stream(machine(MIB), memory(tmp_path, 8192)) == 64 * MIB


def test_too_little_memory_for_the_cache_is_a_gap_and_not_a_cache_s_bandwidth(tmp_path: Path) -> None:
    found = bytes_to_stream(machine(480 * MIB), memory(tmp_path, 2048))
    assert isinstance(found, Missing)
    assert "960 MiB would have to be streamed, and 512 MiB may be" in found.reason


def test_an_unknown_cache_is_a_gap(tmp_path: Path) -> None:
    unknown = Machine(architecture="x86_64", cpu="stated")
    assert isinstance(bytes_to_stream(unknown, memory(tmp_path, 8192)), Missing)


def gaps(found: Ceilings) -> list[str]:
    rates = [*found.macs_per_s.values(), found.read_bytes_per_s, found.switch_ns, found.page_fault_ns]
    return [rate.reason for rate in rates if isinstance(rate, Missing)]


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (subprocess.TimeoutExpired("python", 90), "took longer than 90 s"),
        (subprocess.CalledProcessError(-11, "python", stderr=b"Traceback\nSegmentation fault"), "Segmentation fault"),
    ],
)
def test_a_process_that_fails_leaves_the_reason_everywhere(
    failure: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise failure

    monkeypatch.setattr(subprocess, "run", fail)
    found = measure_ceilings(machine(MIB), threads=1, cpus=(0,))
    assert len(gaps(found)) == len(KINDS) + 3
    assert all(said in reason for reason in gaps(found))


def test_an_answer_that_is_none_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = subprocess.CompletedProcess("python", 0, stdout=b"")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: silent)
    assert "no answer" in gaps(measure_ceilings(machine(MIB), threads=1, cpus=(0,)))[0]


def test_ceilings_are_a_fact_of_a_recording_and_read_back_as_written() -> None:
    found = no_ceilings(2, "stated")
    assert lines.decode(lines.encode(found)) == found
