"""engine: another engine brings its own allocator, layout and kernels."""

from __future__ import annotations

from ironlaw.cause import Cause, Crossed, Part


class Engine(Cause):
    """Another engine brings its own allocator, layout and kernels."""

    slug = "engine"
    title = "the engine"
    mechanism = "another engine brings its own allocator, layout and kernels"
    part = Part.FASTER
    order = 450
    example = "`ironlaw run --arms fp32,fp32@onnxruntime`: same precision, other engine"
    factors = ("engine",)
    # Every engine has fp32 and int8; a corner in another precision might not exist.
    crossed = Crossed(factor="precision", levels=("fp32", "int8"))


CAUSE = Engine()
