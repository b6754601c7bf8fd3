"""Machine facts, read from stated /proc and /sys trees."""

from __future__ import annotations

import platform
from pathlib import Path

import msgspec
import pytest

from ironlaw.machine import Machine
from ironlaw.machine.cgroup import cpu_max, quota_cpus, throttled_ns
from ironlaw.machine.cpu_identity import cpu_identity
from ironlaw.machine.cpu_list import parse_cpu_list
from ironlaw.machine.inspection import cpu_time_split, inspect_machine, perf_event_paranoid, steal_ns
from ironlaw.machine.process_clock import migrations_so_far, waited_ns
from ironlaw.missing import Missing, is_known
from tests.machine.trees import write_tree

ZEN_3_CPUINFO = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 1
model name\t: AMD EPYC 7763 64-Core Processor
stepping\t: 1
flags\t\t: fpu sse4_1 sse4_2 avx f16c hypervisor avx2 smep fma vaes

processor\t: 1
vendor_id\t: AuthenticAMD
"""

GRAVITON_3_CPUINFO = """processor\t: 0
BogoMIPS\t: 2100.00
Features\t: fp asimd evtstrm asimdhp asimddp sve i8mm bf16 ssbs
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x1
CPU part\t: 0xd40
CPU revision\t: 1
"""


def test_this_machine_can_be_inspected_and_written() -> None:
    machine = inspect_machine()
    assert machine.architecture == platform.machine()
    assert msgspec.json.decode(msgspec.json.encode(machine), type=Machine) == machine


def test_where_nothing_is_reported_everything_is_missing_with_a_reason(tmp_path: Path) -> None:
    machine = inspect_machine(tmp_path)
    for gap in (machine.vendor, machine.governor, machine.memory_bytes, machine.cgroup_cpu_max, machine.numa_nodes):
        assert isinstance(gap, Missing)
        assert gap.reason != "was not read"
    assert machine.isa == ()
    assert machine.cache_bytes == {}


def test_an_x86_cpu_is_named_and_its_kernels_flags_kept(tmp_path: Path) -> None:
    identity = cpu_identity(write_tree(tmp_path, {"proc/cpuinfo": ZEN_3_CPUINFO}))
    assert identity.name == "AMD EPYC 7763 64-Core Processor"
    assert (identity.vendor, identity.family, identity.model, identity.stepping) == ("AuthenticAMD", 25, 1, 1)
    assert identity.isa == ("avx", "avx2", "f16c", "fma", "sse4_1", "sse4_2")


def test_an_arm_cpu_is_named_by_its_part_number(tmp_path: Path) -> None:
    identity = cpu_identity(write_tree(tmp_path, {"proc/cpuinfo": GRAVITON_3_CPUINFO}))
    assert identity.name == "Neoverse-V1"
    assert (identity.vendor, identity.model, identity.stepping) == ("Arm", 0xD40, 1)
    assert isinstance(identity.family, Missing)
    assert {"asimddp", "i8mm", "bf16", "sve"} <= set(identity.isa)


def test_an_unknown_arm_part_keeps_its_numbers(tmp_path: Path) -> None:
    text = GRAVITON_3_CPUINFO.replace("0xd40", "0xfff").replace("0x41", "0x99")
    identity = cpu_identity(write_tree(tmp_path, {"proc/cpuinfo": text}))
    assert identity.name == "Arm CPU (implementer 0x99, part 0xfff)"
    assert isinstance(identity.vendor, Missing)


def test_caches_governor_turbo_and_memory_are_read(tmp_path: Path) -> None:
    cache = "sys/devices/system/cpu/cpu{}/cache/index{}/"
    files = {
        "proc/cpuinfo": ZEN_3_CPUINFO,
        "proc/meminfo": "MemTotal:       16384 kB\n",
        "sys/devices/system/cpu/cpufreq/boost": "0\n",
        "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
        "sys/devices/system/node/node0/cpulist": "0-1\n",
        "sys/devices/system/node/node1/cpulist": "2-3\n",
    }
    for cpu in range(256):
        files[f"sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor"] = "powersave\n"
        files[f"sys/devices/system/cpu/cpu{cpu}/topology/physical_package_id"] = "0\n"
        files[f"sys/devices/system/cpu/cpu{cpu}/topology/core_id"] = f"{cpu // 2}\n"
        for index, (level, kind, size) in enumerate(
            [("1", "Data", "32K"), ("1", "Instruction", "32K"), ("2", "Unified", "512K"), ("3", "Unified", "32M")]
        ):
            files[cache.format(cpu, index) + "level"] = level
            files[cache.format(cpu, index) + "type"] = kind
            files[cache.format(cpu, index) + "size"] = size
    machine = inspect_machine(write_tree(tmp_path, files))
    assert machine.cache_bytes == {"L1d": 32768, "L1i": 32768, "L2": 524288, "L3": 33554432}
    assert machine.governor == "powersave"
    assert machine.turbo == "off"
    assert machine.memory_bytes == 16 * 1024 * 1024
    assert machine.transparent_huge_pages == "madvise"
    assert machine.physical_cores == 128  # two threads a core
    assert machine.numa_nodes == 2


def test_a_preloaded_allocator_is_seen_among_the_mapped_files(tmp_path: Path) -> None:
    maps = (
        "7f00-7f10 r-xp 00000000 08:01 11  /usr/lib/x86_64-linux-gnu/libjemalloc.so.2\n"
        "7f20-7f30 r-xp 00000000 08:01 12  /usr/lib/x86_64-linux-gnu/libc.so.6\n"
        "7f40-7f50 rw-p 00000000 00:00 0 \n"
    )
    assert inspect_machine(write_tree(tmp_path, {"proc/self/maps": maps})).allocator == "libjemalloc.so.2"


def test_a_virtual_machine_is_named_by_its_firmware(tmp_path: Path) -> None:
    if platform.machine() != "x86_64":
        pytest.skip("on other architectures the CPU flags do not show it")
    files = {
        "proc/cpuinfo": ZEN_3_CPUINFO,
        "sys/class/dmi/id/sys_vendor": "QEMU\n",
        "sys/class/dmi/id/product_name": "Standard PC\n",
    }
    assert inspect_machine(write_tree(tmp_path, files)).hypervisor == "virtual machine (QEMU Standard PC)"


def test_bare_metal_says_none(tmp_path: Path) -> None:
    if platform.machine() != "x86_64":
        pytest.skip("on other architectures the CPU flags do not show it")
    root = write_tree(tmp_path, {"proc/cpuinfo": ZEN_3_CPUINFO.replace("hypervisor ", "")})
    assert inspect_machine(root).hypervisor == "none"


def test_the_tightest_quota_of_all_groups_above_counts(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/kubepods/pod1/app\n",
        "sys/fs/cgroup/kubepods/cpu.max": "max 100000\n",
        "sys/fs/cgroup/kubepods/pod1/cpu.max": "150000 100000\n",
        "sys/fs/cgroup/kubepods/pod1/app/cpu.max": "400000 100000\n",
    }
    assert cpu_max(write_tree(tmp_path, files)) == "150000 100000"
    assert quota_cpus("150000 100000") == 1.5


def test_a_quota_of_cgroup_version_1_is_reported_in_the_words_of_version_2(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "3:cpu,cpuacct:/docker/abc\n1:memory:/docker/abc\n",
        "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000\n",
    }
    assert cpu_max(write_tree(tmp_path, files)) == "max 100000"
    assert quota_cpus("max 100000") == float("inf")


def test_the_group_that_was_stopped_longest_reports_how_long_a_quota_stopped_the_process(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/kubepods/app\n",
        "sys/fs/cgroup/cpu.stat": "usage_usec 5\n",
        "sys/fs/cgroup/kubepods/cpu.stat": "usage_usec 9\nnr_throttled 4\nthrottled_usec 70\n",
        "sys/fs/cgroup/kubepods/app/cpu.stat": "usage_usec 9\nnr_throttled 1\nthrottled_usec 20\n",
    }
    assert throttled_ns(write_tree(tmp_path, files)) == 70_000
    assert isinstance(throttled_ns(write_tree(tmp_path / "other", {"proc/self/cgroup": "0::/\n"})), Missing)


def test_version_1_reports_how_long_a_quota_stopped_the_process_in_nanoseconds(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "1:cpu:/a\n",
        "sys/fs/cgroup/cpu/a/cpu.stat": "nr_periods 3\nnr_throttled 2\nthrottled_time 1234\n",
    }
    assert throttled_ns(write_tree(tmp_path, files)) == 1234


def test_inside_a_container_the_mount_itself_reports_the_quota(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}
    assert cpu_max(write_tree(tmp_path, files)) == "50000 100000"


def test_steal_comes_in_nanoseconds_of_whole_clock_ticks(tmp_path: Path) -> None:
    root = write_tree(tmp_path, {"proc/stat": "cpu  100 0 50 1000 3 0 1 42 0 0\ncpu0 100 0 50 1000 3 0 1 42 0 0\n"})
    assert steal_ns(root) == 42 * 10_000_000  # USER_HZ is 100 on every Linux of these architectures


def test_an_old_kernel_without_steal_is_missing_not_zero(tmp_path: Path) -> None:
    assert isinstance(steal_ns(write_tree(tmp_path, {"proc/stat": "cpu  100 0 50 1000 3 0 1\n"})), Missing)


def test_paranoid_is_read_as_a_number(tmp_path: Path) -> None:
    assert perf_event_paranoid(write_tree(tmp_path, {"proc/sys/kernel/perf_event_paranoid": "-1\n"})) == -1


def test_user_and_kernel_time_are_exact_only_without_the_tick(tmp_path: Path) -> None:
    assert cpu_time_split(tmp_path) == "by timer tick"
    root = write_tree(tmp_path, {"sys/devices/system/cpu/nohz_full": "0-4095\n"})
    assert cpu_time_split(root) == "exact"
    assert cpu_time_split(write_tree(tmp_path, {"sys/devices/system/cpu/nohz_full": "(null)\n"})) == "by timer tick"


@pytest.mark.parametrize(("text", "cpus"), [("0-3,8\n", {0, 1, 2, 3, 8}), ("5", {5}), ("", set()), ("\n", set())])
def test_cpu_lists_are_read_as_the_kernel_writes_them(text: str, cpus: set[int]) -> None:
    assert parse_cpu_list(text) == cpus


def test_migrations_are_summed_over_threads_and_missing_where_the_kernel_keeps_none(tmp_path: Path) -> None:
    line = "se.nr_migrations                             :                    {}\n"
    root = write_tree(
        tmp_path, {"proc/self/task/7/sched": line.format(3), "proc/self/task/8/sched": "head\n" + line.format(4)}
    )
    assert migrations_so_far((7, 8), root=root) == 7
    assert migrations_so_far((7, 9), root=root) == 3  # 9 has ended
    (root / "proc/self/task/10").mkdir()
    assert isinstance(migrations_so_far((10,), root=root), Missing)


def test_versions_are_read_without_importing() -> None:
    import sys

    before = set(sys.modules)
    machine = inspect_machine()
    assert is_known(machine.python)
    assert "python" in machine.versions
    assert not {"torch", "onnxruntime", "openvino"} & (set(sys.modules) - before)


def test_waiting_for_a_cpu_is_summed_over_threads_and_an_unknown_one_is_missing(
    tmp_path: Path,
) -> None:
    root = write_tree(
        tmp_path, {"proc/self/task/7/schedstat": "900 40 12\n", "proc/self/task/8/schedstat": "100 2 3\n"}
    )
    assert waited_ns(root=root) == 42
    (root / "proc/self/task/9").mkdir()
    assert isinstance(waited_ns(root=root), Missing)
