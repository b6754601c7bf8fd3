"""quantize-dequantize: extra passes over the activations."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.explanation.account import Category
from ironlaw.machine import Machine
from ironlaw.missing import Maybe
from ironlaw.observed import Observed

LEAST_SHARE = 0.15  # of the time


class QuantizeDequantize(Cause):
    """Extra passes over the activations."""

    slug = "quantize-dequantize"
    title = "quantizing and dequantizing"
    mechanism = "extra passes over the activations"
    part = Part.SLOWER
    order = 350
    example = "the census counts quantize and dequantize operators; their rows are in the ledger"
    located_in = (Category.QUANTIZE,)

    def consistent(self, arm: Observed, machine: Maybe[Machine]) -> str:
        """Samples fall into code that quantizes and dequantizes."""
        share = arm.share_of(Category.QUANTIZE)
        return f"{arm.arm.name} quantizes and dequantizes for {share:.0%} of its time" if share >= LEAST_SHARE else ""


CAUSE = QuantizeDequantize()
