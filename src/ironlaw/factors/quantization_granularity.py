"""quantization.granularity: what shares one scale of int8 weights."""

from __future__ import annotations

from ironlaw.factor import Factor


class Granularity(Factor):
    """Plain is a scale per output channel, as in eager PyTorch's default."""

    name = "quantization.granularity"
    summary = "what shares one scale of int8 weights"
    plain = "channel"
    levels = ("channel", "tensor")
    shapes_model = True
    engines = ("onnxruntime",)
    may_move = "the answers; the kernels where an engine has faster ones for one scale"


FACTOR = Granularity()
