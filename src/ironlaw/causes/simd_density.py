"""simd-density: one instruction does more multiply-accumulates."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.cause import SUSPECTED, Cause, Part
from ironlaw.experiment import Switch
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, is_known
from ironlaw.observed import Observed

# Of int8, on CPUs with AVX-512; without them a product of bytes takes three instructions of the same width.
_DOT_PRODUCTS = ("avx512_vnni", "amx_int8")


class SimdDensity(Cause):
    """One instruction does more multiply-accumulates."""

    slug = "simd-density"
    title = "SIMD density"
    mechanism = "one instruction does more multiply-accumulates"
    part = Part.FASTER
    order = 260
    example = (
        "`ironlaw run --experiments simd-density`: dot products of int8 are withheld from both arms (`isa=avx512`), or "
        "on CPUs without AVX-512 all above AVX2; capped at AVX2 the gap shrank by 1.34× [1.24, 1.45]. In ONNX Runtime, "
        "which reads no setting, cpuid is answered without them while its library is imported"
    )
    switches = (Switch(cause=slug, factor="isa", level="avx2", adds=True),)
    other_levels = (
        Switch(cause=slug, factor="isa", level="avx512", adds=True),
        Switch(cause=slug, factor="isa", level="avx512_vnni", adds=True),
        Switch(cause=slug, factor="inductor.vectors", level="off", adds=True),
        Switch(cause=slug, factor="inductor.vectors", level="128", adds=True),
        Switch(cause=slug, factor="inductor.vectors", level="256", adds=True),
    )
    factors = ("isa", "inductor.vectors")
    events = ("instructions",)

    def sized(self, switch: Switch, control: Observed, machine: Maybe[Machine]) -> tuple[Switch, ...]:
        """Where dot products can be withheld and the width of vectors left as it is, that alone is withheld."""
        if is_known(machine) and machine.has_isa("avx512f") and any(map(machine.has_isa, _DOT_PRODUCTS)):
            return (replace(switch, level="avx512"),)
        return (switch,)

    def may_divide(self, control: Observed, changed: Observed) -> bool:
        """An arm in float against one in int8."""
        return changed.computes_int8 and not control.computes_int8

    def unlikeness(self, control: Observed, changed: Observed) -> float:
        """All of what int8 gains can be this; where it is slower, something else costs more than this saves."""
        return 1.0 if changed.wall_ns < control.wall_ns else SUSPECTED


CAUSE = SimdDensity()
