"""unfused-qdq: something blocks the pattern the engine would fuse."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.experiment import Switch


class UnfusedQdq(Cause):
    """Something blocks the pattern the engine would fuse."""

    slug = "unfused-qdq"
    title = "unfused quantize/dequantize pairs"
    mechanism = "something blocks the pattern the engine would fuse"
    part = Part.SLOWER
    order = 360
    example = "`ironlaw run --arms int8@onnxruntime,int8@onnxruntime+session.qdq=kept`"
    other_levels = (Switch(cause=slug, factor="session.qdq", level="kept", adds=True),)


CAUSE = UnfusedQdq()
