"""session.qdq: whether ONNX Runtime turns quantize-dequantize pairs into int8 operators."""

from __future__ import annotations

from ironlaw.factor import Direction, Factor, Test


class Qdq(Factor):
    """kept executes the pairs around float operators: what an unfused model costs."""

    name = "session.qdq"
    summary = "whether ONNX Runtime turns quantize-dequantize pairs into int8 operators"
    plain = "fused"
    levels = ("fused", "kept")
    engines = ("onnxruntime",)
    may_move = "which operators compute in int8, and so the answers by rounding"
    tests = (Test(cause="unfused-qdq", level="kept", predicts=Direction.SLOWER),)


FACTOR = Qdq()
