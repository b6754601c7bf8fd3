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

    def shows(self, arm: Observed) -> bool:
        """It executes float operators between a dequantize and a quantize."""
        return _unfused(arm) > 0

    def burden(self, arm: Observed) -> Maybe[float]:
        """How many."""
        return _unfused(arm)

    def excludes(self, arm: Observed) -> str:
        """None."""
        counted = "unfused_operators" in arm.census and not self.shows(arm)
        return "none of its float operators is between a dequantize and a quantize" if counted else ""

    def consistent(self, arm: Observed, machine: Maybe[Machine]) -> str:
        """It executes some, by name."""
        if not self.shows(arm):
            return ""
        return (
            f"{_unfused(arm):.0f} operators of {arm.arm.name} compute in float between a dequantize and a quantize "
            f"that the engine did not fuse{arm.named('unfused_operators')}"
        )


CAUSE = UnfusedQdq()


def _unfused(arm: Observed) -> float:
    return arm.census.get("unfused_operators", 0.0)
