"""One finding per check of the doctor, from facts alone."""

from __future__ import annotations

from collections.abc import Callable

from ironlaw.doctor.finding import Finding, Health
from ironlaw.engines import ENGINES, PLAIN
from ironlaw.fact import CounterCheck, Meter
from ironlaw.machine import Machine
from ironlaw.machine.cgroup import quota_cpus
from ironlaw.machine.torch_probe import NO_ANSWER, TorchProbe
from ironlaw.missing import Maybe, Missing, T, is_known

_DOT_PRODUCTS = ("avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")
_GOOD_CLOCKS = ("tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page")
_CAPS = (
    "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "FBGEMM_ENABLE_INSTRUCTIONS", "OV_CPU_MAX_ISA",
)  # fmt: skip
_CALM_LOAD = 0.3  # of one CPU: above it, another process runs most of the time while an arm is measured
_QUIET = 0.02  # what most changes of a model or a library are above
_LEAST_MEMORY_BYTES = 2 << 30  # an interpreter with torch and five twins of a small model
_MUCH_SCATTERED_BYTES = 1 << 30  # what five twins of a small model take
_MALLOC = "MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=2147483647 MALLOC_TOP_PAD_=67108864"


def good(topic: str, text: str) -> Finding:
    """A finding that costs nothing."""
    return Finding(topic=topic, state=Health.GOOD, text=text)


def costs(topic: str, text: str, *, cost: str, fix: str) -> Finding:
    """A finding that loses or blurs something: `cost` says what, `fix` what to do; neither may be empty."""
    return Finding(topic=topic, state=Health.COSTS, text=text, cost=cost, fix=fix)


def unknown(topic: str, gap: Missing, *, cost: str = "", fix: str = "") -> Finding:
    """A check that this machine does not answer, for the reason of `gap`."""
    return Finding(topic=topic, state=Health.UNKNOWN, text=gap.reason, cost=cost, fix=fix)


def _judged(
    topic: str, value: Maybe[T], *, says: Callable[[T], str], is_good: Callable[[T], bool], cost: str, fix: str
) -> Finding:
    """A finding on one value, worded the same whether all is well or it costs something."""
    if isinstance(value, Missing):
        return unknown(topic, value)
    return good(topic, says(value)) if is_good(value) else costs(topic, says(value), cost=cost, fix=fix)


def counters(check: CounterCheck) -> tuple[Finding, ...]:
    """The result of the counters' known-answer test, and what getrusage does not count."""
    found = [_hardware_counters(check)]
    if check.meter is Meter.HARDWARE:
        found.append(_kernel_mode(check))
        extras = sorted(name for name in check.lost if ":" not in name and name not in _ACCOUNTED)
        if extras:
            found.append(
                costs(
                    "events",
                    f"not counted: {', '.join(extras)}",
                    cost=f"conclusions that need them are left out; {extras[0]}: {check.lost[extras[0]]}",
                    fix="ironlaw doctor --json gives the reason for each",
                )
            )
    for name in sorted(_ACCOUNTED & set(check.lost)):
        found.append(
            costs(name, check.lost[name], cost=f"{name} are not known", fix="run outside the sandbox (gVisor: runc)")
        )
    return tuple(found)


_ACCOUNTED = frozenset({"page-faults", "context-switches"})


def _hardware_counters(check: CounterCheck) -> Finding:
    if check.meter is Meter.HARDWARE:
        modes = "user and kernel mode apart" if "instructions:k" not in check.lost else "user mode only"
        return good("counters", f"{check.slots} counters work at a time, {modes}, {len(check.groups)} groups")
    reason = check.slots.reason if isinstance(check.slots, Missing) else "no event group could be used"
    what, fix = _what_and_fix(reason)
    return costs(
        "counters",
        what,
        cost="no instructions, cycles or cache misses; times, page faults and experiments remain",
        fix=fix,
    )


def gate(check: CounterCheck) -> Finding:
    """Whether a gate in continuous integration can count instructions here, and if not, where."""
    if check.meter is Meter.HARDWARE:
        return good("gate", "instructions can be limited: ironlaw compare --fail-if 'instructions>+1%'")
    return costs(
        "gate",
        "a rule about instructions is not known on this machine",
        cost="a gate judges time alone, with wider intervals; such a rule fails it unless --if-missing pass is given",
        fix="on GitHub, try runs-on: ubuntu-24.04-arm, reported to expose a PMU; run ironlaw doctor in the job to see",
    )


def _kernel_mode(check: CounterCheck) -> Finding:
    if "instructions:k" not in check.lost:
        return good("kernel mode", "counted apart")
    what, fix = _what_and_fix(check.lost["instructions:k"])
    return costs("kernel mode", what, cost="the kernel's share of instructions and cycles is not known", fix=fix)


def _what_and_fix(reason: str) -> tuple[str, str]:
    """Split a reason of the counter check into what happened and the fix; some have no fix."""
    what, _, fix = reason.partition("; ")
    return what, fix or "measure on another machine: the counters of this one are wrong"


def paranoid(machine: Machine) -> Finding:
    """What the kernel allows an unprivileged process to count."""
    level = machine.perf_event_paranoid
    if isinstance(level, Missing):
        return unknown("paranoid", level)
    if level <= 1:
        return good("paranoid", f"perf_event_paranoid is {level}: user and kernel mode may be counted")
    lost = "kernel mode is not counted" if level == 2 else "nothing is counted"
    return costs(
        "paranoid",
        f"perf_event_paranoid is {level}",
        cost=f"without root or CAP_PERFMON {lost}",
        fix="sudo sysctl kernel.perf_event_paranoid=1",
    )


def container(kind: Maybe[str], check: CounterCheck) -> Finding:
    """Whether a container may block access to the counters."""
    if isinstance(kind, Missing):
        return unknown("container", kind)
    if not kind:
        return good("container", "none seen")
    if check.meter is Meter.HARDWARE:
        return good("container", f"{kind}; it lets counters through")
    return costs(
        "container",
        kind,
        cost="its seccomp filter blocks counters by default, whatever the hardware supports",
        fix=f"{kind} run --cap-add PERFMON --security-opt seccomp=unconfined",
    )


def dot_products(machine: Machine) -> Finding:
    """Whether the CPU multiplies and adds int8 in one instruction."""
    present = [flag for flag in _DOT_PRODUCTS if machine.has_isa(flag)]
    if present:
        return good("int8", f"dot products in hardware: {', '.join(present)}")
    if not machine.isa:
        return unknown("int8", Missing("/proc/cpuinfo lists no instruction-set extensions"))
    return costs(
        "int8",
        "no int8 dot product (VNNI, AMX, or dotprod on Arm)",
        cost="int8 takes three instructions where one would do: expect 1.2 to 1.9x, not 2 to 4x",
        fix="deploy on Cascade Lake, Zen 4, Neoverse or later, or keep fp32",
    )


def torch_kernels(machine: Machine, probe: Maybe[TorchProbe]) -> Finding:
    """Whether torch uses what the CPU has."""
    if probe == NO_ANSWER:
        return unknown("torch", NO_ANSWER, cost="its kernels are not known", fix="end other programs, then repeat")
    if isinstance(probe, Missing):
        return costs("torch", probe.reason, cost="no torch arm can run", fix="pip install 'ironlaw[torch]'")
    capped = [f"{name}={machine.other_settings[name]}" for name in _CAPS if name in machine.other_settings]
    if capped:
        return costs(
            "torch",
            f"capped by {', '.join(capped)}",
            cost="arms run slower kernels than this CPU supports",
            fix=f"unset {' '.join(setting.partition('=')[0] for setting in capped)}",
        )
    best = "AVX512" if machine.has_isa("avx512f") else "AVX2" if machine.has_isa("avx2") else probe.capability
    text = f"kernels for {probe.capability}; quantizes with {probe.quantized_engine}"
    if best not in probe.capability and probe.capability in ("DEFAULT", "NO AVX", "AVX2"):
        return costs(
            "torch",
            f"{text}, though the CPU has {best}",
            cost="float and int8 kernels run below what this CPU can do",
            fix="install a build of torch for this CPU: pip install --upgrade torch",
        )
    return good("torch", text)


def engines(machine: Machine) -> Finding:
    """Which engines with packages of their own are installed; those that need only torch are not listed."""
    plain = ENGINES[PLAIN].packages()
    packages = {
        name: own
        for name, declared in ENGINES.items()
        if (own := {module.partition(".")[0] for module in declared.loads} - set(plain))
        and "fp32" in declared.offers  # engines of model files alone are no baseline for others
    }
    absent = [name for name, needed in packages.items() if not needed <= machine.versions.keys()]
    present = dict.fromkeys(f"{one} {machine.versions[one]}" for needed in packages.values() for one in sorted(needed)
                            if one in machine.versions)  # fmt: skip
    if not absent:
        return good("engines", ", ".join(present))
    extras = dict.fromkeys(ENGINES[name].extra for name in absent)
    return costs(
        "engines",
        f"not installed: {', '.join(absent)}",
        cost=f"no arms {', '.join('@' + name for name in absent)}, so a weak float baseline may go unnoticed",
        fix=f"pip install 'ironlaw[{','.join(extras)}]'",
    )


def governor(machine: Machine) -> Finding:
    """Whether the clock frequency may follow the load."""
    if isinstance(machine.governor, Missing):
        return unknown("governor", machine.governor, cost="frequency is known only where cycles are counted")
    if machine.governor == "performance":
        return good("governor", "performance")
    return costs(
        "governor",
        machine.governor,
        cost="the frequency follows the load: short turns run slower than long ones",
        fix="sudo cpupower frequency-set -g performance",
    )


def turbo(machine: Machine) -> Finding:
    """Whether turbo may raise the clock frequency while the chip is cool."""
    if isinstance(machine.turbo, Missing):
        return unknown("turbo", machine.turbo)
    if machine.turbo == "off":
        return good("turbo", "off")
    switch = "0 | sudo tee /sys/devices/system/cpu/cpufreq/boost"
    if machine.vendor == "GenuineIntel":
        switch = "1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo"
    return costs(
        "turbo",
        "on",
        cost="the frequency depends on temperature and other load: intervals get wider, interleaving keeps them fair",
        fix=f"echo {switch}",
    )


def siblings(machine: Machine, cores: Maybe[tuple[frozenset[int], ...]]) -> Finding:
    """Whether two of the usable CPUs share a core."""
    if isinstance(cores, Missing):
        return unknown("SMT", cores)
    shared = [sorted(core) for core in cores if len(core & set(machine.cpus_allowed)) > 1]
    if not shared:
        outside = [core for core in cores if core & set(machine.cpus_allowed)]
        return good("SMT", "one allowed CPU per core" if outside else "no CPU shares its core")
    first = ",".join(str(min(core)) for core in shared)
    return costs(
        "SMT",
        f"{len(shared)} cores run two threads each, for example CPUs {' and '.join(map(str, shared[0]))}",
        cost="two threads of one core are little faster than one: thread scaling looks worse than it is",
        fix=f"taskset -c {first} ironlaw run ...",
    )


def numa(machine: Machine) -> Finding:
    """Whether memory may be on another NUMA node than the CPU that uses it."""
    if isinstance(machine.numa_nodes, Missing):
        return unknown("NUMA", machine.numa_nodes)
    if machine.numa_nodes == 1:
        return good("NUMA", "one node")
    return costs(
        "NUMA",
        f"{machine.numa_nodes} nodes",
        cost="memory may lie on another node than the CPU: bandwidth differs between replicates",
        fix="numactl --cpunodebind=0 --membind=0 ironlaw run ...",
    )


def quota(machine: Machine) -> Finding:
    """Whether the container may use all the CPUs it sees."""
    if isinstance(machine.cgroup_cpu_max, Missing):
        return unknown("CPU quota", machine.cgroup_cpu_max)
    cpus = quota_cpus(machine.cgroup_cpu_max)
    allowed = len(machine.cpus_allowed)
    if cpus >= allowed:
        return good("CPU quota", "none" if cpus == float("inf") else f"{cpus:g} CPUs, at least what is allowed")
    return costs(
        "CPU quota",
        f"{cpus:g} CPUs' worth of time on {allowed} {'CPU' if allowed == 1 else 'CPUs'}",
        cost="a larger pool is throttled for the rest of every period",
        fix=f"ironlaw run --threads {max(1, int(cpus))}, or docker run --cpus {allowed}",
    )


def allocator(machine: Machine) -> Finding:
    """Whether freed memory goes back to the system."""
    name = machine.allocator
    if isinstance(name, Missing):
        return unknown("allocator", name)
    keeps = [setting for setting in machine.other_settings if setting.startswith("MALLOC_MMAP_MAX_")]
    if "glibc" not in name or keeps:
        return good("allocator", f"{name}, with {', '.join(keeps)}" if keeps else name)
    return costs(
        "allocator",
        f"{name}: returns large tensors to the system and faults them in again at each inference",
        cost="page faults and kernel time, mostly in fp32; the arm +malloc=retain measures how much",
        fix=f"env {_MALLOC} python your_program.py",
    )


def memory(available: Maybe[int], swapped: Maybe[int]) -> Finding:
    """Whether the arms fit into memory."""
    if isinstance(available, Missing):
        return unknown("memory", available)
    text = f"{available / 2**30:.1f} GiB available"
    if available < _LEAST_MEMORY_BYTES:
        return costs(
            "memory",
            text,
            cost="the kernel may kill arms, or they wait for the disk",
            fix="end other programs, or run fewer arms at a time (--arms)",
        )
    if is_known(swapped) and swapped > 0:
        text += f", {swapped / 2**20:.0f} MiB swapped out"
    return good("memory", text)


def scattered(found: Maybe[int]) -> Finding:
    """Whether the first processes to start get worse pages than later ones."""
    return _judged(
        "free memory",
        found,
        says=lambda size: f"{size / 2**30:.1f} GiB lie in blocks below 64 KiB",
        is_good=lambda size: size < _MUCH_SCATTERED_BYTES,
        cost="programs that start first get scattered pages and run some per cent slower: intervals get wider",
        fix="echo 1 | sudo tee /proc/sys/vm/compact_memory (ironlaw run does it where it may)",
    )


def other_load(machine: Machine) -> Finding:
    """Whether other processes run here."""
    cpus = len(machine.cpus_allowed)
    return _judged(
        "load",
        machine.load_average,
        says=lambda load: f"{load:.2f} over the last minute on {cpus} {'CPU' if cpus == 1 else 'CPUs'}",
        is_good=lambda load: load <= _CALM_LOAD,
        cost="other programs use caches, bandwidth and CPU time: intervals get wider",
        fix="end or pause them (top shows them), or raise --budget",
    )


def clock(source: Maybe[str]) -> Finding:
    """Whether reading the clock is cheap and its frequency stable."""
    return _judged(
        "clock",
        source,
        says=str,
        is_good=lambda name: name in _GOOD_CLOCKS,
        cost="reading it is a system call of a microsecond or more",
        fix="boot with tsc=reliable if the CPU's counter is steady",
    )


def time_split(machine: Machine, check: CounterCheck) -> Finding:
    """How accurately the kernel separates user and kernel time."""
    split = machine.cpu_time_split
    if isinstance(split, Missing):
        return unknown("user/kernel time", split)
    if split == "exact" or (check.meter is Meter.HARDWARE and "instructions:k" not in check.lost):
        return good("user/kernel time", "exact" if split == "exact" else "distinguished by cycles")
    return costs(
        "user/kernel time",
        split,
        cost="their split is right on average over a recording, and coarse in a single turn",
        fix="count cycles in both modes, or boot with nohz_full= for the CPUs that are measured on",
    )


def noise(smallest: Maybe[float], *, seconds: float, replicates: int) -> Finding:
    """The smallest difference that a run of that length can detect in the machine's noise."""
    length = f"a run of {seconds:.0f} s (up to {replicates} replicates)"
    return _judged(
        "noise",
        smallest,
        says=lambda share: (
            f"differences below {100 * share:.1f} % of steady work cannot be detected here by {length}; "
            "variation between processes of the model adds to it"
        ),
        is_good=lambda share: share <= _QUIET,
        cost="smaller differences come out undecided",
        fix="four times --budget halves it; so does a quieter machine",
    )


def hypervisor(machine: Machine) -> Finding:
    """Whether a hypervisor shares the hardware with other guests."""
    return _judged(
        "virtual machine",
        machine.hypervisor,
        says=str,
        is_good=lambda name: name == "none",
        cost="other guests affect the last-level cache, memory bandwidth and frequency, unseen",
        fix="check the control arm; measure on a dedicated host to avoid them",
    )
