"""half-widened: numbers of 16 bits are widened to 32, since the engine has no kernel for them."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.experiment import Switch
from ironlaw.machine import Machine
from ironlaw.missing import Maybe
from ironlaw.observed import Observed


class HalfWidened(Cause):
    """Numbers of 16 bits are widened to 32, since the engine has no kernel for them."""

    slug = "half-widened"
    title = "widening half precision"
    mechanism = "numbers of 16 bits are widened to 32 and narrowed again, since the engine has no kernel for them"
    part = Part.SLOWER
    order = 212
    example = (
        "`ironlaw run --arm float=net.onnx --arm half=net_fp16.onnx`: the float16 file against its float32 twin "
        "(`half=widened`), which has the same nodes and values"
    )
    count = "half_casts"
    if_none = "it executes no cast from or to float16"
    counted_in = "casts from or to float16"
    switches = (Switch(cause=slug, factor="half", level="widened"),)
    factors = ("half",)

    def consistent(self, arm: Observed, machine: Maybe[Machine]) -> str:
        """It casts from or to float16, by name."""
        casts = arm.census.get(self.count, 0.0)
        if not casts:
            return ""
        return f"{arm.arm.name} casts from or to float16 {casts:.0f} times an inference{arm.named(self.count)}"


CAUSE = HalfWidened()
