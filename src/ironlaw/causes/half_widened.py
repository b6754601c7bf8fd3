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
        "(`half=widened`), which has the same nodes and values. In eager PyTorch activations that are widened are "
        "counted (by autocast, around operators that it runs in 32 bits), and nothing takes that away"
    )
    count = "half_casts"
    if_none = "it executes no cast from or to 16 bits"
    counted_in = "casts from or to 16 bits"
    switches = (Switch(cause=slug, factor="half", level="widened"),)
    factors = ("half",)

    def consistent(self, arm: Observed, machine: Maybe[Machine]) -> str:
        """It casts from or to 16 bits, by name."""
        casts = arm.census.get(self.count, 0.0)
        if not casts:
            return ""
        return f"{arm.arm.name} casts from or to 16 bits {casts:.0f} times an inference{arm.named(self.count)}"


CAUSE = HalfWidened()
