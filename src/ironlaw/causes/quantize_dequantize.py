"""quantize-dequantize: extra passes over the activations."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.explanation.account import Category


class QuantizeDequantize(Cause):
    """Extra passes over the activations."""

    slug = "quantize-dequantize"
    title = "quantizing and dequantizing"
    mechanism = "extra passes over the activations"
    part = Part.SLOWER
    order = 350
    example = "the census counts quantize and dequantize operators; their rows are in the ledger"
    located_in = (Category.QUANTIZE,)
    does = "quantizes and dequantizes"
    least_share = 0.15


CAUSE = QuantizeDequantize()
