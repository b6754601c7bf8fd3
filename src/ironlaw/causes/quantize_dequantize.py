"""quantize-dequantize: extra passes over the activations."""

from __future__ import annotations

from ironlaw.cause import Cause, Part


class QuantizeDequantize(Cause):
    """Extra passes over the activations."""

    slug = "quantize-dequantize"
    title = "quantizing and dequantizing"
    mechanism = "extra passes over the activations"
    part = Part.SLOWER
    order = 350
    example = "the census counts quantize and dequantize operators; their rows stand in the ledger"


CAUSE = QuantizeDequantize()
