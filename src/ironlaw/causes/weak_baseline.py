"""weak-baseline: the control runs a poor library for this model."""

from __future__ import annotations

from ironlaw.cause import Cause, Part


class WeakBaseline(Cause):
    """The control runs a poor library for this model."""

    slug = "weak-baseline"
    title = "a weak baseline"
    mechanism = "the control runs a poor library for this model"
    part = Part.FASTER
    order = 320
    example = "`ironlaw run --arms fp32,fp32@onnxruntime,int8`: where another engine runs *fp32* faster than int8"


CAUSE = WeakBaseline()
