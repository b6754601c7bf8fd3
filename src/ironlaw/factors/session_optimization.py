"""session.optimization: which rewrites ONNX Runtime applies to the graph."""

from __future__ import annotations

from ironlaw.factor import Direction, Factor, Test


class Optimization(Factor):
    """all fuses and lays out for the CPU, extended fuses, basic folds constants; none keeps the graph of the file."""

    name = "session.optimization"
    summary = "which rewrites ONNX Runtime applies to the graph"
    plain = "all"
    levels = ("all", "extended", "basic", "none")
    engines = ("onnxruntime",)
    may_move = "operator count, layout, fusion, and so rounding"
    tests = (Test(cause="fusion", level="none", predicts=Direction.SLOWER),)


FACTOR = Optimization()
