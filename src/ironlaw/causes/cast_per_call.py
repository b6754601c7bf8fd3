"""cast-per-call: weights are converted to another number format in every call."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.experiment import Switch
from ironlaw.machine import Machine
from ironlaw.missing import Maybe
from ironlaw.observed import Observed

# Of the model's bytes: a mask, a table of positions, the vectors of a norm are converted in many networks.
LEAST_SHARE = 0.05


class CastPerCall(Cause):
    """Weights are converted to another number format in every call."""

    slug = "cast-per-call"
    title = "casting weights in every call"
    mechanism = "weights are converted to another number format in every call"
    part = Part.SLOWER
    order = 213
    example = (
        "a module that enters `torch.autocast` in its own forward: the casts of weights that it caches end with the "
        "context. Tested by `casts=once`, which stores the weights in the format that they are converted to; the same "
        "operators compute on the same numbers"
    )
    count = "weight_cast_bytes"
    if_none = "it converts no weights in its calls"
    counted_in = "bytes of weights converted in an inference"
    switches = (Switch(cause=slug, factor="casts", level="once"),)
    factors = ("casts",)

    def shows(self, arm: Observed) -> bool:
        """It converts a considerable part of its weights in each call."""
        return arm.census.get(self.count, 0.0) > LEAST_SHARE * arm.size_bytes

    def consistent(self, arm: Observed, machine: Maybe[Machine]) -> str:
        """It converts some."""
        if not self.shows(arm):
            return ""
        count, size = arm.census.get("weight_casts", 0.0), arm.census[self.count]
        return f"{arm.arm.name} converts {count:.0f} weights in every call, which makes {size / 1e6:.3g} MB"


CAUSE = CastPerCall()
