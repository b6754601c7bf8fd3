"""simd-density: one instruction does more multiply-accumulates."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.experiment import Switch
from ironlaw.observed import Observed


class SimdDensity(Cause):
    """One instruction does more multiply-accumulates."""

    slug = "simd-density"
    title = "SIMD density"
    mechanism = "one instruction does more multiply-accumulates"
    part = Part.FASTER
    order = 260
    example = "`ironlaw run --experiments simd-density`: both arms capped at AVX2; the gap shrank by 1.34× [1.24, 1.45]"
    switches = (Switch(cause=slug, factor="isa", level="avx2", adds=True),)
    other_levels = (
        Switch(cause=slug, factor="inductor.vectors", level="off", adds=True),
        Switch(cause=slug, factor="inductor.vectors", level="128", adds=True),
        Switch(cause=slug, factor="inductor.vectors", level="256", adds=True),
    )
    factors = ("isa", "inductor.vectors")
    events = ("instructions",)

    def may_divide(self, control: Observed, changed: Observed) -> bool:
        """An arm in float against one in int8."""
        return changed.computes_int8 and not control.computes_int8


CAUSE = SimdDensity()
