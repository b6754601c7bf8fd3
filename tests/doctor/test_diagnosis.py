"""The doctor's findings, from stated facts."""

from __future__ import annotations

import resource
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ironlaw.doctor import findings
from ironlaw.doctor.diagnosis import Surroundings, diagnose, look_around
from ironlaw.doctor.finding import Finding, Health
from ironlaw.fact import CounterCheck, Meter
from ironlaw.machine import Machine, torch_probe
from ironlaw.machine.torch_probe import TorchProbe
from ironlaw.missing import Missing
from tests.machine.trees import write_tree

CALM = Machine(
    architecture="x86_64",
    cpu="stated",
    vendor="GenuineIntel",
    isa=("avx2", "avx512_vnni", "avx512f"),
    cpus_allowed=(0, 1, 2, 3),
    hypervisor="none",
    numa_nodes=1,
    governor="performance",
    turbo="off",
    cgroup_cpu_max="max 100000",
    allocator="libjemalloc.so.2",
    versions={"onnxruntime": "1.20", "openvino": "2025.0"},
    load_average=0.05,
    perf_event_paranoid=1,
    cpu_time_split="exact",
)
PROBE = TorchProbe(capability="AVX512", quantized_engines=("x86", "onednn"), quantized_engine="x86", threads=4)
WORKING = CounterCheck(meter=Meter.HARDWARE, slots=6, groups=(("instructions:u", "cycles:u"),))
REFUSED = CounterCheck(
    meter=Meter.CLOCK,
    slots=Missing("the kernel refused instructions:u (EACCES): perf_event_paranoid is 3; sudo sysctl x=1; or root"),
    groups=(),
)
AROUND = Surroundings(
    clock_source="tsc", siblings=(), available_bytes=8 << 30, swapped_bytes=0, container="", scattered_bytes=0
)


def machine(**facts: Any) -> Machine:
    return replace(CALM, **facts)


def test_a_calm_machine_has_nothing_to_fix() -> None:
    found = diagnose(CALM, check=WORKING, torch=PROBE, around=AROUND)
    assert [finding.topic for finding in found if finding.state is not Health.GOOD] == []


def test_where_nothing_can_be_read_nothing_is_called_good() -> None:
    unread = Machine(architecture="x86_64", cpu="stated")
    nothing = Missing("not reported")
    around = Surroundings(
        clock_source=nothing,
        siblings=nothing,
        available_bytes=nothing,
        swapped_bytes=nothing,
        container=nothing,
        scattered_bytes=nothing,
    )
    found = diagnose(unread, check=REFUSED, torch=nothing, around=around)
    assert [finding for finding in found if finding.state is Health.GOOD] == []
    assert all(finding.text for finding in found)


def test_a_finding_that_costs_something_must_say_what_and_how_to_fix_it() -> None:
    with pytest.raises(ValueError, match="says what"):
        Finding(topic="load", state=Health.COSTS, text="5", cost="time")


def test_refused_counters_name_reason_and_fix_separately() -> None:
    (found,) = findings.counters(REFUSED)
    assert found.state is Health.COSTS
    assert found.text.endswith("perf_event_paranoid is 3")
    assert found.fix == "sudo sysctl x=1; or root"


def test_lost_kernel_mode_and_events_are_named_beside_working_counters() -> None:
    check = replace(
        WORKING,
        lost={"instructions:k": "refused; do this", "cycles:k": "refused; do this", "cache-misses": "read 0"},
    )
    counters, kernel, events = findings.counters(check)
    assert counters.state is Health.GOOD
    assert "user mode only" in counters.text
    assert (kernel.topic, kernel.fix) == ("kernel mode", "do this")
    assert "cache-misses" in events.text
    assert "read 0" in events.cost


def test_counts_that_are_not_kept_are_reported_on_any_meter() -> None:
    check = replace(REFUSED, lost={"page-faults": "64 fresh pages were touched and getrusage reported 0 faults"})
    assert {finding.topic for finding in findings.counters(check)} == {"counters", "page-faults"}


def test_without_dot_products_int8_gains_little() -> None:
    found = findings.dot_products(machine(isa=("avx2",)))
    assert found.state is Health.COSTS
    assert findings.dot_products(machine(isa=("asimd", "asimddp"))).state is Health.GOOD


def test_a_capped_instruction_set_is_found_with_the_way_out() -> None:
    found = findings.torch_kernels(machine(other_settings={"ONEDNN_MAX_CPU_ISA": "AVX2"}), PROBE)
    assert found.state is Health.COSTS
    assert found.fix == "unset ONEDNN_MAX_CPU_ISA"


def test_torch_below_its_cpu_is_found() -> None:
    found = findings.torch_kernels(CALM, replace(PROBE, capability="AVX2"))
    assert found.state is Health.COSTS
    assert "though the CPU has AVX512" in found.text


def test_torch_that_cannot_be_imported_is_no_gap_but_a_loss() -> None:
    found = findings.torch_kernels(CALM, Missing("torch cannot be imported: no module"))
    assert (found.state, found.fix) == (Health.COSTS, "pip install 'ironlaw[torch]'")


def test_torch_that_answers_too_late_is_not_called_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def waits(*_: object, timeout: float, **__: object) -> None:
        raise subprocess.TimeoutExpired("python", timeout)

    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    monkeypatch.setattr(subprocess, "run", waits)
    found = findings.torch_kernels(CALM, torch_probe.probe_torch())
    assert (found.state, found.text) == (Health.UNKNOWN, "torch did not answer within 60 s")
    assert "pip install" not in found.fix


def test_missing_engines_come_with_their_command() -> None:
    found = findings.engines(machine(versions={"openvino": "2025.0"}))
    assert found.fix == "pip install 'ironlaw[onnxruntime]'"


@pytest.mark.parametrize(("vendor", "command"), [("GenuineIntel", "no_turbo"), ("AuthenticAMD", "cpufreq/boost")])
def test_turbo_is_switched_off_by_the_vendor_s_own_switch(vendor: str, command: str) -> None:
    assert command in findings.turbo(machine(vendor=vendor, turbo="on")).fix


def test_siblings_matter_only_when_both_are_allowed() -> None:
    cores = (frozenset({0, 4}), frozenset({1, 5}), frozenset({2, 6}), frozenset({3, 7}))
    assert findings.siblings(CALM, cores).state is Health.GOOD
    found = findings.siblings(machine(cpus_allowed=(0, 1, 4, 5)), cores)
    assert found.state is Health.COSTS
    assert found.fix.startswith("taskset -c 0,1 ")


@pytest.mark.parametrize(
    ("limit", "state"), [("max 100000", Health.GOOD), ("400000 100000", Health.GOOD), ("150000 100000", Health.COSTS)]
)
def test_a_quota_costs_when_it_is_below_the_allowed_cpus(limit: str, state: Health) -> None:
    found = findings.quota(machine(cgroup_cpu_max=limit))
    assert found.state is state
    if state is Health.COSTS:
        assert "--threads 1" in found.fix


def test_glibc_s_malloc_costs_unless_it_is_set_to_keep_its_memory() -> None:
    glibc = machine(allocator="glibc 2.36 malloc")
    assert findings.allocator(glibc).state is Health.COSTS
    reported = replace(glibc, other_settings={"MALLOC_MMAP_MAX_": "0"})
    assert findings.allocator(reported).state is Health.GOOD


def test_little_memory_costs() -> None:
    assert findings.memory(1 << 30, 0).state is Health.COSTS
    assert "512 MiB swapped out" in findings.memory(8 << 30, 512 << 20).text


def test_scattered_free_memory_costs_from_a_gibibyte_on() -> None:
    assert findings.scattered((1 << 30) - 1).state is Health.GOOD
    costly = findings.scattered(3 << 30)
    assert costly.state is Health.COSTS
    assert costly.text.startswith("3.0 GiB")


def test_others_at_work_cost() -> None:
    assert findings.other_load(machine(load_average=2.5)).state is Health.COSTS


def test_a_slow_clock_costs() -> None:
    assert findings.clock("hpet").state is Health.COSTS


def test_a_tick_based_split_is_no_loss_where_cycles_are_counted_in_both_modes() -> None:
    ticking = machine(cpu_time_split="by timer tick")
    assert findings.time_split(ticking, WORKING).state is Health.GOOD
    assert findings.time_split(ticking, REFUSED).state is Health.COSTS


def test_noise_says_what_it_hides() -> None:
    loud = findings.noise(0.031, seconds=60, replicates=5)
    assert loud.state is Health.COSTS
    assert "differences below 3.1 %" in loud.text
    assert findings.noise(0.004, seconds=60, replicates=5).state is Health.GOOD
    assert findings.noise(Missing("left out"), seconds=60, replicates=5).state is Health.UNKNOWN


def test_surroundings_are_read_from_proc_and_sys(tmp_path: Path) -> None:
    files = {
        "proc/buddyinfo": "Node 0, zone   Normal  1  2\n",
        "proc/meminfo": "MemAvailable:  4194304 kB\nSwapTotal:  1048576 kB\nSwapFree:  1047552 kB\nHugePages: 0\n",
        "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
        "sys/devices/system/cpu/cpu0/topology/thread_siblings_list": "0,2\n",
        "sys/devices/system/cpu/cpu1/topology/thread_siblings_list": "1\n",
        "sys/devices/system/cpu/cpu2/topology/thread_siblings_list": "0,2\n",
    }
    assert look_around(write_tree(tmp_path, files)) == Surroundings(
        clock_source="tsc",
        siblings=(frozenset({0, 2}),),
        available_bytes=4 << 30,
        swapped_bytes=1 << 20,
        container="",
        scattered_bytes=5 * resource.getpagesize(),
    )


@pytest.mark.parametrize(
    ("level", "state", "lost"),
    [
        (-1, Health.GOOD, ""),
        (1, Health.GOOD, ""),
        (2, Health.COSTS, "kernel mode is not counted"),
        (4, Health.COSTS, "nothing is counted"),
    ],
)
def test_paranoid_level_says_what_it_costs_and_the_command(level: int, state: Health, lost: str) -> None:
    found = findings.paranoid(machine(perf_event_paranoid=level))
    assert found.state is state
    assert found.cost.endswith(lost)
    assert (found.fix == "sudo sysctl kernel.perf_event_paranoid=1") is (state is Health.COSTS)


def test_container_costs_only_where_the_counters_are_refused() -> None:
    assert findings.container("docker", WORKING).state is Health.GOOD
    refused = findings.container("docker", REFUSED)
    assert refused.state is Health.COSTS
    assert refused.fix.startswith("docker run --cap-add PERFMON")
    assert findings.container("", REFUSED).state is Health.GOOD


@pytest.mark.parametrize(("mark", "kind"), [(".dockerenv", "docker"), ("run/.containerenv", "podman")])
def test_container_is_known_by_its_mark(tmp_path: Path, mark: str, kind: str) -> None:
    (tmp_path / "proc").mkdir()
    assert look_around(tmp_path).container == ""
    (tmp_path / mark).parent.mkdir(exist_ok=True)
    (tmp_path / mark).touch()
    assert look_around(tmp_path).container == kind


def test_a_machine_without_counters_is_offered_where_instructions_can_be_gated() -> None:
    found = findings.gate(REFUSED)
    assert found.state is Health.COSTS
    assert "ubuntu-24.04-arm" in found.fix
    assert "--if-missing pass" in found.cost


def test_a_machine_with_counters_can_gate_on_instructions() -> None:
    found = findings.gate(WORKING)
    assert found.state is Health.GOOD
    assert "instructions>+1%" in found.text
