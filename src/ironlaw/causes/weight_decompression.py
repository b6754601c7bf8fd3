"""weight-decompression: low-bit weights are widened in every call, and multiplied in float."""

from __future__ import annotations

from collections.abc import Sequence

from ironlaw.cause import Cause, Part
from ironlaw.experiment import Switch
from ironlaw.machine import Machine
from ironlaw.missing import Maybe
from ironlaw.observed import LEAVING, Observed, leaves_only, leaving, narrowed

_NBITS = "MatMulNBits"
_FREEZING = "inductor.freezing"


class WeightDecompression(Cause):
    """Weights of few bits are widened in every call, and multiplied in float."""

    slug = "weight-decompression"
    title = "low-bit weights multiplied in float"
    mechanism = "low-bit weights are widened in every call, and multiplied in float"
    part = Part.SLOWER
    order = 214
    example = (
        "`ironlaw run --arm float=net.onnx --arm int4=net_int4.onnx`: MatMulNBits with products in int8 "
        "(`accuracy-level=4`), and with its weights widened once (`float-ops=MatMulNBits`), which then takes as many "
        "bytes as the float file. In OpenVINO `float-ops=MatMul` widens them once, and "
        "`plugin.dynamic-quantization=off` multiplies in float where the plugin would multiply in int8. Inductor "
        "widens the weights of `int8-weights@compiled` once, and in every call with `inductor.freezing=off`"
    )
    count = "widening_operators"
    if_none = "it widens no weights in its calls"
    counted_in = "operators that widen their weights in every call"
    switches = (
        Switch(cause=slug, factor="accuracy-level", level="4"),
        Switch(cause=slug, factor="float-ops", level=_NBITS),
        Switch(cause=slug, factor="float-ops", level="MatMul"),
        # Of an arm that was asked for with it off: others multiply in int8 where the plugin can.
        Switch(cause=slug, factor="plugin.dynamic-quantization", level="own"),
        # As above: a compiler that folds constants widens them once.
        Switch(cause=slug, factor=_FREEZING, level="on"),
    )
    other_levels = (Switch(cause=slug, factor="plugin.dynamic-quantization", level="off", adds=True),)
    factors = ("accuracy-level", "plugin.dynamic-quantization", _FREEZING, *LEAVING)
    # The other ones multiply in int8 besides, which gains where nothing is widened as well.
    exact = LEAVING

    def suits(self, switch: Switch, arm: Observed) -> bool:
        """Only operators of a type that it executes are left in float, and only MatMulNBits has accuracy levels."""
        kinds = arm.kinds(self.count)
        if switch.factor == "accuracy-level":
            return not kinds or _NBITS in kinds
        return switch.factor != "float-ops" or switch.level in kinds

    def fitted(self, switch: Switch, arm: Observed) -> Switch:
        """Of a type whose other operators may run by another kernel, those that do not are left in float by name."""
        return narrowed(switch, self.count, arm)

    def is_between(self, factor: str, levels: tuple[str, str], arms: Sequence[Observed]) -> bool:
        """The operators left in float are those that widen their weights."""
        if factor == _FREEZING:
            return any(map(self.shows, arms))
        return factor not in LEAVING or leaves_only(factor, levels, self.count, arms)

    def at(self, factor: str, level: str) -> Switch | None:
        """Leaving operators in float removes it, whatever they are called."""
        return super().at(factor, level) or leaving(self.slug, factor, level)

    def consistent(self, arm: Observed, machine: Maybe[Machine]) -> str:
        """It executes such operators."""
        widening = arm.census.get(self.count, 0.0)
        if not widening:
            return ""
        return f"{widening:.0f} products of {arm.arm.name} widen their weights in every call{arm.named(self.count)}"


CAUSE = WeightDecompression()
