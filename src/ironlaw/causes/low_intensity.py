"""low-intensity: requantizing each output costs more than computing it."""

from __future__ import annotations

from ironlaw.cause import Cause, Part


class LowIntensity(Cause):
    """Requantizing each output costs more than computing it."""

    slug = "low-intensity"
    title = "low arithmetic intensity"
    mechanism = "requantizing each output costs more than computing it"
    part = Part.SLOWER
    order = 410
    example = "depth-wise layers gain less than 1×1 layers: sort the ledger by kind"


CAUSE = LowIntensity()
