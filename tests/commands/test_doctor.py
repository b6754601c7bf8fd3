"""ironlaw doctor, with what takes seconds replaced by stated answers."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from ironlaw.commands.doctor import USUAL_REPLICATES, doctor, examine, noise_finding
from ironlaw.doctor.finding import Health
from ironlaw.machine.noise import Noise
from ironlaw.machine.torch_probe import TorchProbe
from ironlaw.running import Settings, schedule_of


@pytest.fixture(autouse=True)
def _stated_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = TorchProbe(capability="AVX2", quantized_engines=("x86",), quantized_engine="x86", threads=1)
    monkeypatch.setattr("ironlaw.machine.torch_probe.probe_torch", lambda: probe)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(doctor, arguments, standalone_mode=False)


def test_json_holds_machine_findings_and_noise() -> None:
    result = run("--json", "--seconds", "0")
    answer = json.loads(result.stdout)
    assert result.return_value == 0
    assert set(answer) == {"schema", "machine", "findings", "noise"}
    assert answer["schema"] == 1
    assert answer["noise"] == {"missing": "skipped by --seconds 0"}
    topics = [finding["topic"] for finding in answer["findings"]]
    assert {"counters", "int8", "torch", "governor", "CPU quota", "allocator", "clock", "noise"} <= set(topics)
    assert len(set(topics)) == len(topics)
    assert {finding["state"] for finding in answer["findings"]} <= {"good", "costs", "unknown"}


def test_text_fits_eighty_columns_and_shows_every_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    examined = examine(0)  # once: between two looks free memory may become scattered, or another program may start
    monkeypatch.setattr("ironlaw.commands.doctor.examine", lambda _seconds: examined)
    findings = json.loads(run("--json", "--seconds", "0").stdout)["findings"]
    text = run("--seconds", "0").stdout
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    assert "\x1b[" not in text
    reported = " ".join(text.split())
    for finding in findings:
        if finding["state"] == "costs":
            assert finding["fix"] in reported


def test_the_pinning_of_the_test_is_undone() -> None:
    import os

    before = os.sched_getaffinity(0)
    run("--json", "--seconds", "0")
    assert os.sched_getaffinity(0) == before


def test_noise_is_that_of_a_plain_run_with_as_many_replicates_as_it_usually_has() -> None:
    schedule = schedule_of(Settings())
    # Means +-1 %, s = 1.069 %, t for 11 degrees 2.201: 2.201 * 0.01069 / sqrt(12) = 0.00679.
    noise = Noise(rounds=tuple((sign * 0.01,) for sign in (1, -1) * 4), took_s=10.0)
    found = noise_finding(noise)
    assert found.state is Health.GOOD
    assert USUAL_REPLICATES == 12 <= schedule.replicates
    said = f"differences below 0.7 % of steady work cannot be detected here by a run of {schedule.budget_s:.0f} s"
    assert f"{said} (up to 12 replicates)" in found.text


def test_seconds_below_zero_are_refused() -> None:
    assert isinstance(run("--seconds", "-1").exception, Exception)
