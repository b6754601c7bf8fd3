"""quantization.format: how int8 is written into an ONNX file."""

from __future__ import annotations

from ironlaw.factor import Factor


class Format(Factor):
    """qdq: float operators between quantize-dequantize pairs, fused when loaded; qoperator: int8 operators as such."""

    name = "quantization.format"
    summary = "how int8 is written into an ONNX file"
    plain = "qdq"
    levels = ("qdq", "qoperator")
    shapes_model = True
    engines = ("onnxruntime",)
    may_move = "which operators compute in int8"


FACTOR = Format()
