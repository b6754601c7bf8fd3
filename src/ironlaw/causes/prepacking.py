"""prepacking: weights are reordered once instead of at each call."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.experiment import Switch


class Prepacking(Cause):
    """Weights are reordered once instead of at each call."""

    slug = "prepacking"
    title = "prepacking"
    mechanism = "weights are reordered once instead of at each call"
    part = Part.FASTER
    order = 330
    example = "`ironlaw run --arms fp32@onnxruntime,fp32@onnxruntime+session.prepacking=off`"
    factors = ("session.prepacking",)
    other_levels = (Switch(cause=slug, factor="session.prepacking", level="off", adds=True),)


CAUSE = Prepacking()
