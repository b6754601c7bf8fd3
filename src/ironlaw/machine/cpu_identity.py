"""The CPU model by /proc/cpuinfo, on x86-64 and 64-bit Arm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ironlaw.missing import Maybe, Missing

# x86 flags and Arm features by which math libraries choose their kernels.
_ISA_WORDS = frozenset({"fma", "f16c", "sse4_1", "sse4_2", "i8mm", "bf16", "fphp", "sve", "sve2", "sme", "sme2"})
_ISA_PREFIXES = ("avx", "amx_", "asimd", "sve", "smei8", "smef")

# MIDR_EL1 implementer and part numbers: arch/arm64/include/asm/cputype.h of Linux.
_ARM_IMPLEMENTERS = {
    0x41: "Arm",
    0x48: "HiSilicon",
    0x4E: "NVIDIA",
    0x51: "Qualcomm",
    0x61: "Apple",
    0xC0: "Ampere",
}
_ARM_PARTS = {
    (0x41, 0xD03): "Cortex-A53",
    (0x41, 0xD05): "Cortex-A55",
    (0x41, 0xD07): "Cortex-A57",
    (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD0B): "Cortex-A76",
    (0x41, 0xD0C): "Neoverse-N1",
    (0x41, 0xD0D): "Cortex-A77",
    (0x41, 0xD40): "Neoverse-V1",
    (0x41, 0xD41): "Cortex-A78",
    (0x41, 0xD46): "Cortex-A510",
    (0x41, 0xD47): "Cortex-A710",
    (0x41, 0xD49): "Neoverse-N2",
    (0x41, 0xD4F): "Neoverse-V2",
    (0x41, 0xD84): "Neoverse-V3",
    (0x41, 0xD8E): "Neoverse-N3",
    (0xC0, 0xAC3): "Ampere-1",
    (0xC0, 0xAC4): "Ampere-1a",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuIdentity:
    """The first CPU in /proc/cpuinfo, with all its flags."""

    name: str
    vendor: Maybe[str]
    family: Maybe[int]
    model: Maybe[int]
    stepping: Maybe[int]
    flags: frozenset[str]

    @property
    def isa(self) -> tuple[str, ...]:
        """The instruction-set extensions by which math libraries choose their kernels."""
        return tuple(sorted(flag for flag in self.flags if flag in _ISA_WORDS or flag.startswith(_ISA_PREFIXES)))


def cpu_identity(root: Path = Path("/")) -> CpuIdentity:
    """The first CPU of /proc/cpuinfo. On Arm `model` is the part number and `stepping` the revision."""
    fields = _first_cpu(root / "proc/cpuinfo")
    if "CPU implementer" in fields:
        return _arm(fields)
    return CpuIdentity(
        name=fields.get("model name", "a CPU without a model name"),
        vendor=fields.get("vendor_id") or Missing("/proc/cpuinfo has no vendor_id"),
        family=_number(fields, "cpu family"),
        model=_number(fields, "model"),
        stepping=_number(fields, "stepping"),
        flags=frozenset(fields.get("flags", "").split()),
    )


def _arm(fields: dict[str, str]) -> CpuIdentity:
    implementer, part = int(fields["CPU implementer"], 0), int(fields.get("CPU part", "0"), 0)
    vendor = _ARM_IMPLEMENTERS.get(implementer)
    unnamed = f"Arm CPU (implementer {implementer:#x}, part {part:#x})"
    return CpuIdentity(
        name=_ARM_PARTS.get((implementer, part), unnamed),
        vendor=vendor or Missing(f"implementer {implementer:#x} is unknown"),
        family=Missing("Arm CPUs have no family"),
        model=part,
        stepping=_number(fields, "CPU revision"),
        flags=frozenset(fields.get("Features", "").split()),
    )


def _first_cpu(path: Path) -> dict[str, str]:
    fields: dict[str, str] = {}
    try:
        text = path.read_text()
    except OSError:
        return fields
    for line in text.split("\n\n", 1)[0].splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    return fields


def _number(fields: dict[str, str], name: str) -> Maybe[int]:
    try:
        return int(fields[name], 0)
    except KeyError:
        return Missing(f"/proc/cpuinfo has no {name}")
    except ValueError:
        return Missing(f"/proc/cpuinfo says {name} is {fields[name]!r}")
