"""engine: the software that executes the model."""

from __future__ import annotations

from typing import ClassVar

from ironlaw.factor import Factor


class Engine(Factor):
    """eager PyTorch unless said otherwise; written after an @: int8@onnxruntime."""

    name = "engine"
    summary = "what executes the model"
    plain = "eager"
    levels = ("eager", "compiled", "torchscript", "onnxruntime", "openvino")
    remedies: ClassVar = {
        "eager": "run it in eager PyTorch",
        "compiled": "torch.compile(model)",
        "torchscript": "torch.jit.freeze(torch.jit.trace(model, example))",
        "onnxruntime": "export with torch.onnx.export and run it in ONNX Runtime",
        "openvino": "convert with openvino.convert_model and compile it for CPU",
    }
    shapes_model = True
    may_move = "kernels, layout, allocator, fusion, dispatch"


FACTOR = Engine()
