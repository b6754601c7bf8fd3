"""dynamic-quantization: the range of a layer's input is looked for at each call, before its values are quantized."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.experiment import Switch
from ironlaw.machine import Machine
from ironlaw.missing import Maybe
from ironlaw.observed import Observed


class DynamicQuantization(Cause):
    """The range of a layer's input is looked for at each call, before its values are quantized."""

    slug = "dynamic-quantization"
    title = "finding ranges at each call"
    mechanism = "the range of a layer's input is looked for at each call, before its values are quantized"
    part = Part.SLOWER
    order = 210
    example = (
        "`ironlaw run --arms fp32,int8-dynamic --experiments dynamic-quantization`: the same layers, weights and "
        "kernel in eager PyTorch, given the range of their inputs (`activation-ranges=fixed`); what quantizing itself"
        " costs stays in both. Static `int8` is no such test: it takes other layers too and keeps int8 between them. "
        "In ONNX Runtime the file's DynamicQuantizeLinear becomes a QuantizeLinear with a constant scale; the integer "
        "operators behind it stay; in a compiled model the operators that find it become constants. Of an LSTM, of "
        "other engines, and of layers packed for oneDNN or QNNPACK the range cannot be given: those are only "
        "consistent with it"
    )
    count = "dynamic_operators"
    if_none = "it finds no ranges at each call"
    counted_in = "operators that find a range at each call"
    switches = (Switch(cause=slug, factor="activation-ranges", level="fixed"),)
    factors = ("activation-ranges",)

    def shows(self, arm: Observed) -> bool:
        """Operators find ranges, and all of them can be given theirs.

        Of a layer that cannot (an LSTM) the experiment would not count the cost.
        """
        return 0 < arm.census.get("dynamic_operators", 0.0) == arm.census.get("range_finders")

    def consistent(self, arm: Observed, machine: Maybe[Machine]) -> str:
        """It finds ranges at each call."""
        dynamic = arm.census.get("dynamic_operators", 0.0)
        if not (arm.computes_int8 and "int8_operators" in arm.census and dynamic > 0):
            return ""
        return f"{dynamic:.0f} operators of {arm.arm.name} find a range and quantize at each call"


CAUSE = DynamicQuantization()
