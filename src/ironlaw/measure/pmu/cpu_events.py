"""Which events are worth counting on which CPU, beyond instructions and cycles, and their encoding for the kernel.

Encodings are those of the kernel's own tables (tools/perf/pmu-events/arch of Linux 6.x, one folder per CPU; names as
perf prints them). Events that the kernel publishes under /sys are read there and not repeated here.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ironlaw.event import BRANCH_MISSES, BRANCHES, CACHE_MISSES, CACHE_REFERENCES, Event, Source
from ironlaw.machine import Machine
from ironlaw.missing import is_known

_DEVICES = "sys/bus/event_source/devices"


class Proof(Enum):
    """What the known-answer test can hold an event to, beyond its being opened and physically possible."""

    EQUALS_BRANCHES = "as many as the known loop has branches"
    AT_LEAST_BRANCHES = "at least one for each iteration of the known loop"
    GROWS_WITH_MEMORY = "more than none while memory is streamed"
    OCCURS = "more than none in the known loop and the streaming together"
    NONE = "nothing: only checked for plausibility"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """An event besides instructions and cycles, what it counts, and how it is proven."""

    event: Event
    counts: str
    proof: Proof = Proof.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuEvents:
    """The extras of one CPU: `singles` may share a group with any other, each of `sets` stays whole in its own."""

    singles: tuple[Extra, ...]
    sets: tuple[tuple[Extra, ...], ...] = ()

    def extras(self) -> tuple[Extra, ...]:
        """All of them, in the order in which they are worth counting."""
        return (*self.singles, *(extra for one in self.sets for extra in one))


def takes_counters(extras: tuple[Extra, ...]) -> bool:
    """Whether a set needs counters that other events could use; Intel's top-down tree has registers of its own."""
    return extras[0].event.name != "slots"


# linux/perf_event.h: cache id, operation << 8, result << 16.
L1_LOADS = Event("L1-dcache-loads", Source.CACHE, 0x000000)
L1_LOAD_MISSES = Event("L1-dcache-load-misses", Source.CACHE, 0x010000)
DTLB_LOAD_MISSES = Event("dTLB-load-misses", Source.CACHE, 0x010003)

GENERIC = (
    Extra(event=CACHE_REFERENCES, counts="accesses to the cache the vendor chose", proof=Proof.GROWS_WITH_MEMORY),
    Extra(event=CACHE_MISSES, counts="misses of that cache", proof=Proof.GROWS_WITH_MEMORY),
    Extra(event=BRANCHES, counts="branches retired", proof=Proof.EQUALS_BRANCHES),
    Extra(event=BRANCH_MISSES, counts="branches predicted wrongly", proof=Proof.OCCURS),
    Extra(event=L1_LOADS, counts="loads", proof=Proof.GROWS_WITH_MEMORY),
    Extra(event=L1_LOAD_MISSES, counts="loads that missed the first level", proof=Proof.GROWS_WITH_MEMORY),
    Extra(event=DTLB_LOAD_MISSES, counts="loads whose address translation missed"),
)


def events_of_cpu(machine: Machine, root: Path = Path("/")) -> CpuEvents:
    """The extras of this CPU: those every PMU may have, and those of its family."""
    if machine.vendor == "AuthenticAMD":
        return _amd(machine)
    if machine.vendor == "GenuineIntel":
        return _intel(machine, root)
    if machine.architecture == "aarch64" or platform.machine() == "aarch64":
        return _arm(root)
    return CpuEvents(singles=GENERIC)


def _raw(name: str, event: int, umask: int, counts: str, proof: Proof = Proof.NONE) -> Extra:
    # x86: event select in bits 0-7, unit mask in 8-15, and on AMD event select 8-11 in bits 32-35.
    config = (event & 0xFF) | umask << 8 | (event >> 8) << 32
    return Extra(event=Event(name, Source.RAW, config), counts=counts, proof=proof)


# Retired floating-point operations come up to 64 a cycle and therefore take two counters (PERF_X86_EVENT_PAIR of
# arch/x86/events/amd/core.c): a set of its own, so that the group stays small enough on every guest.
_ZEN_FLOPS = (_raw("fp_ret_sse_avx_ops.all", 0x03, 0xFF, "floating-point operations retired"),)

# amdzen2/{core,other}.json. Token stalls overlap each other: an upper bound on cycles stalled in the back end.
_ZEN_2 = (
    _raw("ex_ret_cops", 0xC1, 0, "micro-ops retired", Proof.AT_LEAST_BRANCHES),
    _raw("de_dis_uop_queue_empty_di0", 0xA9, 0, "cycles in which the front end had delivered nothing", Proof.OCCURS),
    _raw("de_dis_uops_from_decoder", 0xAA, 0xFF, "micro-ops dispatched", Proof.AT_LEAST_BRANCHES),
    _raw("de_dis_dispatch_token_stalls1", 0xAE, 0xFF, "cycles without a resource for dispatch, part 1"),
    _raw("de_dis_dispatch_token_stalls0", 0xAF, 0x7F, "cycles without a resource for dispatch, part 2"),
)

# amdzen3/{core,other,memory}.json; 0xaa is not in it, but in AMD's manual and in libpfm4
# (amd64_events_fam19h_zen3.h): from the decoders and from the op cache. It is named here as on Zen 2.
_ZEN_3 = (
    _raw("ex_ret_ops", 0xC1, 0, "macro-ops retired", Proof.AT_LEAST_BRANCHES),
    _raw("de_dis_uop_queue_empty_di0", 0xA9, 0, "cycles in which the front end had delivered nothing", Proof.OCCURS),
    _raw("de_dis_uops_from_decoder", 0xAA, 0x03, "macro-ops dispatched", Proof.AT_LEAST_BRANCHES),
    _raw("de_dis_cops_from_decoder.disp_op_type.any_fp_dispatch", 0xAB, 0x04, "vector and float ops dispatched"),
    _raw("de_dis_dispatch_token_stalls1", 0xAE, 0xFF, "cycles without a resource for dispatch, part 1"),
    _raw("de_dis_dispatch_token_stalls2", 0xAF, 0x3F, "cycles without a resource for dispatch, part 2"),
    _raw("ls_any_fills_from_sys.mem_io_local", 0x44, 0x08, "cache lines filled from memory"),
)

# amdzen4/{core,other,floating-point,memory}.json and amdzen5/{decode,execution,floating-point,load-store}.json: the
# events of level 1 of the top-down tree (pipeline.json), then those that split its back-end part.
_ZEN_4_AND_5 = (
    _raw("ex_ret_ops", 0xC1, 0, "macro-ops retired", Proof.AT_LEAST_BRANCHES),
    _raw("de_src_op_disp.all", 0xAA, 0x07, "ops dispatched", Proof.AT_LEAST_BRANCHES),
    _raw("de_no_dispatch_per_slot.no_ops_from_frontend", 0x1A0, 0x01, "slots the front end left empty", Proof.OCCURS),
    _raw("de_no_dispatch_per_slot.backend_stalls", 0x1A0, 0x1E, "slots the back end could not take", Proof.OCCURS),
    _raw("de_no_dispatch_per_slot.smt_contention", 0x1A0, 0x60, "slots given to the other thread of the core"),
    _raw("ex_no_retire.load_not_complete", 0xD6, 0xA2, "cycles without retirement, waiting for a load"),
    _raw("ex_no_retire.not_complete", 0xD6, 0x02, "cycles without retirement, waiting for any op", Proof.OCCURS),
    _raw("fp_ops_retired_by_type.vector_mac", 0x0A, 0x40, "vector float multiply-add ops retired"),
    _raw("sse_avx_ops_retired.sse_avx_mac", 0x0B, 0x40, "vector integer multiply-add ops retired"),
    _raw("ls_any_fills_from_sys.dram_io_near", 0x44, 0x08, "cache lines filled from memory"),
)
_ZEN_5 = (_raw("sse_avx_ops_retired.sse_avx_vnni", 0x0B, 0xC0, "int8 dot-product ops retired"),)
_ZEN_4_FLOPS = (_raw("fp_ret_sse_avx_ops.all", 0x03, 0x1F, "floating-point operations retired"),)
_ZEN_5_FLOPS = (_raw("fp_ret_sse_avx_ops.all", 0x03, 0x0F, "floating-point operations retired"),)


def _amd(machine: Machine) -> CpuEvents:
    """By family and model as tools/perf/pmu-events/arch/x86/mapfile.csv does."""
    family, model = machine.family, machine.model
    if not is_known(family) or not is_known(model):
        return CpuEvents(singles=GENERIC)
    if family == 0x17 and model >= 0x30:
        return CpuEvents(singles=(*GENERIC, *_ZEN_2), sets=(_ZEN_FLOPS,))
    if family == 0x19 and model >> 4 in (0x0, 0x2, 0x4, 0x5):
        return CpuEvents(singles=(*GENERIC, *_ZEN_3), sets=(_ZEN_FLOPS,))
    if family == 0x19:
        return CpuEvents(singles=(*GENERIC, *_ZEN_4_AND_5), sets=(_ZEN_4_FLOPS,))
    if family == 0x1A:
        return CpuEvents(singles=(*GENERIC, *_ZEN_4_AND_5, *_ZEN_5), sets=(_ZEN_5_FLOPS,))
    return CpuEvents(singles=GENERIC)


# icelakex and sapphirerapids/floating-point.json. A fused multiply-add counts twice; elements are 4, 8, 16 per count.
_INTEL_FLOATS = (
    _raw("fp_arith_inst_retired.scalar_single", 0xC7, 0x02, "scalar fp32 operations retired"),
    _raw("fp_arith_inst_retired.128b_packed_single", 0xC7, 0x08, "128-bit fp32 operations retired"),
    _raw("fp_arith_inst_retired.256b_packed_single", 0xC7, 0x20, "256-bit fp32 operations retired"),
    _raw("fp_arith_inst_retired.512b_packed_single", 0xC7, 0x80, "512-bit fp32 operations retired"),
    _raw("assists.fp", 0xC1, 0x02, "microcode assists of floating point: subnormal numbers"),
)
# sapphirerapids/pipeline.json. VNNI of 512 bits has no event of its own.
_INTEL_VNNI = (
    _raw("int_vec_retired.vnni_128", 0xE7, 0x10, "128-bit int8 dot products retired"),
    _raw("int_vec_retired.vnni_256", 0xE7, 0x20, "256-bit int8 dot products retired"),
)
_INTEL_AMX = (
    _raw("exe.amx_busy", 0xB7, 0x02, "cycles in which the matrix unit was busy"),
)  # sapphirerapids/other.json

_TOPDOWN = {
    "topdown-retiring": "slots whose work was kept",
    "topdown-bad-spec": "slots spent on work that was discarded",
    "topdown-fe-bound": "slots the front end left empty",
    "topdown-be-bound": "slots the back end could not take",
    "topdown-heavy-ops": "of the kept: instructions of several micro-ops",
    "topdown-br-mispredict": "of the discarded: wrong branches",
    "topdown-fetch-lat": "of the front end: latency",
    "topdown-mem-bound": "of the back end: memory",
}


def _intel(machine: Machine, root: Path) -> CpuEvents:
    """Top-down slots where /sys publishes them (Ice Lake and later); the raw events came with the same cores."""
    published = published_events(root)
    if "slots" not in published or "topdown-retiring" not in published:
        return CpuEvents(singles=GENERIC)
    tree = [Extra(event=published["slots"], counts="issue slots", proof=Proof.AT_LEAST_BRANCHES)]
    tree += [Extra(event=published[name], counts=counts) for name, counts in _TOPDOWN.items() if name in published]
    singles: tuple[Extra, ...] = (*GENERIC, *_INTEL_FLOATS)
    if machine.has_isa("avx_vnni"):
        singles += _INTEL_VNNI
    if machine.has_isa("amx_int8"):
        singles += _INTEL_AMX
    return CpuEvents(singles=singles, sets=(tuple(tree),))


# Arm Architecture Reference Manual, common events; the kernel publishes those that the core implements.
_ARM_COMMON = {
    "op_retired": ("operations retired", Proof.AT_LEAST_BRANCHES),
    "op_spec": ("operations issued", Proof.AT_LEAST_BRANCHES),
    "stall_slot_frontend": ("slots the front end left empty", Proof.OCCURS),
    "stall_slot_backend": ("slots the back end could not take", Proof.OCCURS),
    "stall_frontend": ("cycles in which the front end delivered nothing", Proof.OCCURS),
    "stall_backend": ("cycles in which the back end took nothing", Proof.OCCURS),
    "stall_backend_mem": ("cycles in which it waited for memory", Proof.OCCURS),
    "l2d_cache_refill": ("lines the second level had to fetch", Proof.GROWS_WITH_MEMORY),
    "ll_cache_miss_rd": ("reads that missed the last level", Proof.GROWS_WITH_MEMORY),
}


def _arm(root: Path) -> CpuEvents:
    published = published_events(root)
    own = (
        Extra(event=published[name], counts=counts, proof=proof)
        for name, (counts, proof) in _ARM_COMMON.items()
        if name in published
    )
    return CpuEvents(singles=(*GENERIC, *own))


def published_events(root: Path = Path("/")) -> dict[str, Event]:
    """The events that the kernel publishes for the cores' PMU, by name; none where it publishes nothing.

    An event that needs a field of unknown place (an edge or a latency threshold beyond event, umask, cmask) is left
    out.
    """
    found: dict[str, Event] = {}
    for folder in sorted((root / _DEVICES).glob("*")):
        if folder.name not in ("cpu", "cpu_core") and not folder.name.startswith(("armv8", "armv9")):
            continue
        for file in sorted((folder / "events").glob("*")):
            config = None if "." in file.name else _published_config(file.read_text())
            if config is not None:
                found.setdefault(file.name, Event(file.name, Source.RAW, config))
    return found


# /sys/bus/event_source/devices/cpu/format, the same on every Intel core PMU; `event` alone on Arm.
_FIELD_SHIFTS = {"event": 0, "umask": 8, "edge": 18, "inv": 23, "cmask": 24}


def _published_config(text: str) -> int | None:
    config = 0
    for part in text.strip().split(","):
        name, _, value = part.partition("=")
        if name not in _FIELD_SHIFTS:
            return None
        config |= int(value or "1", 0) << _FIELD_SHIFTS[name]
    return config
