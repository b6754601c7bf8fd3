"""engine: another engine brings its own allocator, layout and kernels."""

from __future__ import annotations

from ironlaw.cause import Cause, Part


class Engine(Cause):
    """Another engine brings its own allocator, layout and kernels."""

    slug = "engine"
    title = "the engine"
    mechanism = "another engine brings its own allocator, layout and kernels"
    part = Part.FASTER
    order = 450
    example = "`ironlaw run --arms fp32,fp32@onnxruntime`: same precision, other engine"
    factors = ("engine",)
    crossed = "precision"


CAUSE = Engine()
