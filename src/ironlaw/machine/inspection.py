"""Facts about this machine from /proc, /sys and the process itself, without measuring."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from ironlaw.engines import ENGINES
from ironlaw.factors.pages import huge_page_setting
from ironlaw.machine import Machine
from ironlaw.machine.cgroup import cpu_max
from ironlaw.machine.cpu_identity import cpu_identity
from ironlaw.machine.cpu_list import parse_cpu_list
from ironlaw.missing import Maybe, Missing, is_known

# Whose versions a recording keeps besides those that engines name: what ironlaw has no engine for but may be compared.
OTHER_PACKAGES = (
    "ironlaw",
    "numpy",
    "intel-extension-for-pytorch",
    "executorch",
    "ai-edge-litert",
    "tensorflow",
    "ncnn",
    "timm",
    "transformers",
)

THREAD_SETTINGS = (
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "OMP_PROC_BIND",
    "OMP_PLACES",
    "OMP_DYNAMIC",
    "GOMP_CPU_AFFINITY",
    "GOMP_SPINCOUNT",
    "KMP_AFFINITY",
    "KMP_BLOCKTIME",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TBB_NUM_THREADS",
)

# Not threads, but they change which kernels run or how memory is given back.
OTHER_SETTINGS = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_DEFAULT_FPMATH_MODE",
    "DNNL_MAX_CPU_ISA",
    "FBGEMM_ENABLE_INSTRUCTIONS",
    "GLIBC_TUNABLES",
    "LD_PRELOAD",
    "MALLOC_ARENA_MAX",
    "MALLOC_CONF",
    "MALLOC_MMAP_MAX_",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TOP_PAD_",
    "MALLOC_TRIM_THRESHOLD_",
    "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
    "OV_CPU_MAX_ISA",
    "THP_MEM_ALLOC_ENABLE",
)

# The part of a mapped library's file name that identifies the malloc a process uses.
_ALLOCATORS = ("jemalloc", "tcmalloc", "mimalloc", "tbbmalloc_proxy", "libhoard", "rpmalloc", "snmalloc")


def inspect_machine(root: Path = Path("/")) -> Machine:
    """The machine as this process sees it; facts that cannot be read are Missing with the reason.

    `root` is where /proc and /sys are mounted.
    """
    identity = cpu_identity(root)
    allowed = tuple(sorted(os.sched_getaffinity(0)))
    return Machine(
        architecture=platform.machine(),
        cpu=identity.name,
        vendor=identity.vendor,
        family=identity.family,
        model=identity.model,
        stepping=identity.stepping,
        hypervisor=_hypervisor(root, identity.flags),
        isa=identity.isa,
        cpus_allowed=allowed,
        physical_cores=_physical_cores(root),
        cache_bytes=_cache_bytes(root, allowed[0]),
        memory_bytes=_memory_bytes(root),
        numa_nodes=_numa_nodes(root),
        kernel=platform.release() or Missing("uname reports no release"),
        governor=_governor(root, allowed),
        turbo=_turbo(root),
        cgroup_cpu_max=cpu_max(root),
        perf_event_paranoid=perf_event_paranoid(root),
        transparent_huge_pages=huge_page_setting(root),
        libc=_libc(),
        allocator=_allocator(root),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        versions=installed_versions(),
        thread_settings=_set_variables(THREAD_SETTINGS),
        other_settings=_set_variables(OTHER_SETTINGS),
        load_average=_load_average(root),
        cpu_time_split=cpu_time_split(root),
    )


def steal_ns(root: Path = Path("/")) -> Maybe[int]:
    """The time since boot during which the hypervisor ran others while a CPU of this machine was runnable, in ns.

    Summed over all CPUs, in steps of one clock tick of /proc/stat (10 ms): over a shorter turn the difference is 0 or a
    whole tick, and only the mean over many turns is meaningful. A guest whose hypervisor does not report steal reads 0,
    so that 0 proves nothing.
    """
    try:
        fields = (root / "proc/stat").read_text().split("\n", 1)[0].split()
    except OSError as error:
        return Missing(f"/proc/stat cannot be read: {error.strerror}")
    if len(fields) < 9 or fields[0] != "cpu":
        return Missing("/proc/stat has no steal column")
    return int(fields[8]) * (1_000_000_000 // os.sysconf("SC_CLK_TCK"))


def perf_event_paranoid(root: Path = Path("/")) -> Maybe[int]:
    """What an unprivileged process may count (sysctl kernel.perf_event_paranoid)."""
    text = _read(root / "proc/sys/kernel/perf_event_paranoid")
    if text is None:
        return Missing("/proc/sys/kernel/perf_event_paranoid is not there: no perf events in this kernel")
    return int(text)


def cpu_time_split(root: Path = Path("/")) -> Maybe[str]:
    """How the kernel splits CPU time into user and kernel: "exact" or "by timer tick".

    On x86 and Arm the kernel stamps each entry and exit only on CPUs that run without a tick (boot option nohz_full=);
    elsewhere each tick (1 to 10 ms) is charged entirely to the mode it interrupts, whatever
    CONFIG_VIRT_CPU_ACCOUNTING_GEN is.
    """
    if platform.machine() not in {"x86_64", "aarch64"}:
        return Missing(f"not known for {platform.machine()}")
    listed = _read(root / "sys/devices/system/cpu/nohz_full")
    tickless = parse_cpu_list(listed) if listed and listed not in {"(null)", "(none)"} else frozenset()
    return "exact" if tickless and tickless >= os.sched_getaffinity(0) else "by timer tick"


def installed_versions() -> dict[str, str]:
    """Versions of the engines and libraries that run models, without importing any of them."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    of_engines = (package for declared in ENGINES.values() for package in declared.packages())
    for package in dict.fromkeys((*of_engines, *OTHER_PACKAGES)):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _set_variables(names: tuple[str, ...]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip("\x00 \n")
    except OSError:
        return None


def _hypervisor(root: Path, flags: frozenset[str]) -> Maybe[str]:
    reported = _read(root / "sys/hypervisor/type")
    dmi = " ".join(filter(None, (_read(root / f"sys/class/dmi/id/{name}") for name in ("sys_vendor", "product_name"))))
    tree = _read(root / "proc/device-tree/hypervisor/compatible")
    if platform.machine() == "x86_64" and "hypervisor" not in flags:
        return "none"
    if reported or tree:
        return reported or tree or ""
    if "hypervisor" in flags:
        return f"virtual machine ({dmi})" if dmi else "virtual machine (of an unknown kind)"
    return Missing(f"{platform.machine()} does not report it" + (f"; its firmware calls itself {dmi}" if dmi else ""))


def _cpu_folders(root: Path) -> list[Path]:
    return sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*"))


def _physical_cores(root: Path) -> Maybe[int]:
    cores = set()
    for cpu in _cpu_folders(root):
        package, core = (_read(cpu / f"topology/{name}") for name in ("physical_package_id", "core_id"))
        if package is not None and core is not None:
            cores.add((package, core))
    return len(cores) or Missing("/sys/devices/system/cpu/cpu*/topology is not there")


def _cache_bytes(root: Path, cpu: int) -> dict[str, int]:
    suffixes = {"Data": "d", "Instruction": "i", "Unified": ""}
    caches: dict[str, int] = {}
    for index in sorted((root / f"sys/devices/system/cpu/cpu{cpu}/cache").glob("index*")):
        level, kind, size = (_read(index / name) for name in ("level", "type", "size"))
        if level and kind in suffixes and size:
            caches[f"L{level}{suffixes[kind]}"] = _bytes(size)
    return caches


def _bytes(size: str) -> int:
    units = {"K": 1024, "M": 1024**2, "G": 1024**3}
    return int(size[:-1]) * units[size[-1]] if size[-1] in units else int(size)


def _memory_bytes(root: Path) -> Maybe[int]:
    for line in (_read(root / "proc/meminfo") or "").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return Missing("/proc/meminfo has no MemTotal")


def _numa_nodes(root: Path) -> Maybe[int]:
    nodes = list((root / "sys/devices/system/node").glob("node[0-9]*"))
    return len(nodes) or Missing("/sys/devices/system/node is not there: a kernel without NUMA")


def _governor(root: Path, allowed: tuple[int, ...]) -> Maybe[str]:
    reported = {
        governor
        for cpu in allowed
        if (governor := _read(root / f"sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor"))
    }
    return ", ".join(sorted(reported)) or Missing("no cpufreq here: the hypervisor or the firmware sets the frequency")


def _turbo(root: Path) -> Maybe[str]:
    off = _read(root / "sys/devices/system/cpu/intel_pstate/no_turbo")
    boost = _read(root / "sys/devices/system/cpu/cpufreq/boost")
    if off is not None:
        return "off" if off == "1" else "on"
    if boost is not None:
        return "on" if boost == "1" else "off"
    return Missing("neither intel_pstate/no_turbo nor cpufreq/boost exists")


def _libc() -> Maybe[str]:
    name, version = platform.libc_ver()
    if name:
        return f"{name} {version}"
    if any(Path("/lib").glob("ld-musl-*")):
        return "musl"
    return Missing("the interpreter does not report its C library")


def _allocator(root: Path) -> Maybe[str]:
    """Which malloc the process runs with; a preloaded one shows among its mapped files."""
    maps = _read(root / "proc/self/maps")
    if maps is None:
        return Missing("/proc/self/maps cannot be read")
    files = {Path(line.split(None, 5)[5]).name for line in maps.splitlines() if len(line.split(None, 5)) == 6}
    for file in sorted(files):
        if any(name in file for name in _ALLOCATORS):
            return file
    libc = _libc()
    return f"{libc} malloc" if is_known(libc) else Missing("the C library is not known, and no other malloc is mapped")


def _load_average(root: Path) -> Maybe[float]:
    text = _read(root / "proc/loadavg")
    return float(text.split()[0]) if text else Missing("/proc/loadavg cannot be read")
