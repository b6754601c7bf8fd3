"""engine: the software that executes the model."""

from __future__ import annotations

from ironlaw.factor import Factor


class Engine(Factor):
    """eager PyTorch unless said otherwise; written after an @: int8@onnxruntime."""

    name = "engine"
    summary = "what executes the model"
    plain = "eager"
    levels = ("eager", "compiled", "torchscript", "onnxruntime", "openvino")
    shapes_model = True
    may_move = "kernels, layout, allocator, fusion, dispatch"


FACTOR = Engine()
