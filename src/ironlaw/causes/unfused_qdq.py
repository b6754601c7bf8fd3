"""unfused-qdq: something blocks the pattern the engine would fuse."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.experiment import Switch
from ironlaw.machine import Machine
from ironlaw.missing import Maybe
from ironlaw.observed import Observed


class UnfusedQdq(Cause):
    """Something blocks the pattern the engine would fuse."""

    slug = "unfused-qdq"
    title = "unfused quantize/dequantize pairs"
    mechanism = "something blocks the pattern the engine would fuse"
    part = Part.SLOWER
    order = 360
    example = "`ironlaw run --arms int8@onnxruntime,int8@onnxruntime+session.qdq=kept`"
    count = "unfused_operators"
    if_none = "none of its float operators is between a dequantize and a quantize"
    counted_in = "float operators between conversions"
    # Of an arm that was requested with pairs kept: in others the engine has fused what it can.
    switches = (
        Switch(cause=slug, factor="session.qdq", level="fused"),
        Switch(cause=slug, factor="plugin.low-precision", level="on"),
    )
    other_levels = (
        Switch(cause=slug, factor="session.qdq", level="kept", adds=True),
        Switch(cause=slug, factor="plugin.low-precision", level="off", adds=True),
    )
    factors = ("session.qdq", "plugin.low-precision")

    def consistent(self, arm: Observed, machine: Maybe[Machine]) -> str:
        """It executes some, by name."""
        if not self.shows(arm):
            return ""
        return (
            f"{arm.census[self.count]:.0f} operators of {arm.arm.name} compute in float between a dequantize and a "
            f"quantize that the engine did not fuse{arm.named(self.count)}"
        )


CAUSE = UnfusedQdq()
