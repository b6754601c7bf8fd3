"""The machine a recording was made on, as facts."""

from __future__ import annotations

from dataclasses import dataclass, field

from ironlaw.missing import Maybe, Missing
from ironlaw.ranges import Amount, NotNegative, Ordinal

UNREAD = Missing("was not read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Everything that can affect a time and is not part of the plan. Sizes in bytes, frequencies in Hz."""

    architecture: str
    cpu: str
    vendor: Maybe[str] = UNREAD
    family: Maybe[Amount] = UNREAD
    model: Maybe[Amount] = UNREAD
    stepping: Maybe[Amount] = UNREAD
    hypervisor: Maybe[str] = UNREAD
    isa: tuple[str, ...] = ()  # the CPU flags that matter to kernels: avx2, avx512_vnni, amx_int8 ...
    cpus_allowed: tuple[Ordinal, ...] = ()
    physical_cores: Maybe[Ordinal] = UNREAD
    cache_bytes: dict[str, Amount] = field(default_factory=dict)  # L1d, L1i, L2, L3: one instance each
    memory_bytes: Maybe[Amount] = UNREAD
    numa_nodes: Maybe[Ordinal] = UNREAD
    kernel: Maybe[str] = UNREAD
    governor: Maybe[str] = UNREAD
    turbo: Maybe[str] = UNREAD
    cgroup_cpu_max: Maybe[str] = UNREAD
    perf_event_paranoid: Maybe[int] = UNREAD
    transparent_huge_pages: Maybe[str] = UNREAD
    libc: Maybe[str] = UNREAD
    allocator: Maybe[str] = UNREAD
    python: Maybe[str] = UNREAD
    versions: dict[str, str] = field(default_factory=dict)  # torch, torchvision, onnxruntime ...
    thread_settings: dict[str, str] = field(default_factory=dict)  # OMP_NUM_THREADS and the like, as set
    other_settings: dict[str, str] = field(default_factory=dict)  # ISA caps, malloc settings, LD_PRELOAD: as set
    load_average: Maybe[NotNegative] = UNREAD
    cpu_time_split: Maybe[str] = UNREAD  # user against kernel: "exact", or "by timer tick" (coarse over one turn)

    def has_isa(self, flag: str) -> bool:
        """Whether the CPU (as this machine shows it) has an instruction-set extension."""
        return flag in self.isa
