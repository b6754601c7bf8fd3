"""Which instructions an engine's own kernels were compiled for, determined in a process of its own.

Run as `python -m ironlaw.doctor.compiled_for ENGINE`; the answer is one JSON object. Only engines are asked whose
packages choose that when they are built: most libraries hold kernels for every CPU.
"""

from __future__ import annotations

import sys

import msgspec

from ironlaw import child
from ironlaw.doctor.finding import Finding
from ironlaw.doctor.findings import costs, good, unknown
from ironlaw.engines import ENGINES, BuiltFor, engine
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, Missing, is_known

_LIMIT_S = 30.0
# What multiplies most in an instruction last: how /proc/cpuinfo calls it, and how people do.
_LADDER = (
    ("avx2", "AVX2"), ("avx_vnni", "AVX-VNNI"), ("avx512f", "AVX-512"), ("avx512_vnni", "AVX-512 VNNI"),
    ("amx_int8", "AMX"),
)  # fmt: skip


def built_engines() -> tuple[str, ...]:
    """The installed engines that report what they were compiled for."""
    return tuple(
        name
        for name, declared in ENGINES.items()
        if declared.one_of and is_known(declared.installed()) and isinstance(engine(name), BuiltFor)
    )


def ask(name: str) -> Maybe[tuple[str, ...]]:
    """The extensions that an engine's kernels use, as /proc/cpuinfo calls them; asked in a process of its own."""
    return child.ask("ironlaw.doctor.compiled_for", name, answer=tuple[str, ...], library=name, limit_s=_LIMIT_S)


def finding(machine: Machine, name: str, uses: Maybe[tuple[str, ...]]) -> Finding:
    """Whether an engine's kernels use the best instructions that this CPU has."""
    title = ENGINES[name].title
    if isinstance(uses, Missing):
        return unknown(title, uses, cost="which instructions its kernels use is not known")
    has = [word for flag, word in _LADDER if machine.has_isa(flag)]
    used = [word for flag, word in _LADDER if flag in uses]
    if not has or not used:
        return unknown(title, Missing("this CPU's instructions are not in the table"))
    if has[-1] in used:
        return good(title, f"its kernels are compiled for {used[-1]}")
    return costs(
        title,
        f"its kernels are compiled for {used[-1]}, though this CPU has {has[-1]}",
        cost="prompts can take longer than this CPU needs, depending on the type of the weights",
        fix=ENGINES[name].tools_hint,
    )


def main() -> None:
    """Answer for the engine that is named."""
    asked = engine(sys.argv[1])
    assert isinstance(asked, BuiltFor)
    sys.stdout.write(msgspec.json.encode(asked.built_for()).decode() + "\n")


if __name__ == "__main__":
    main()
