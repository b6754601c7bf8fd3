"""session.prepacking: whether ONNX Runtime lays out weights for its kernels once, when it loads."""

from __future__ import annotations

from ironlaw.factor import Direction, Factor, Test


class Prepacking(Factor):
    """off lets kernels pack the weights at every call."""

    name = "session.prepacking"
    summary = "whether ONNX Runtime lays out weights for its kernels once, when it loads"
    plain = "on"
    levels = ("on", "off")
    engines = ("onnxruntime",)
    may_move = "memory held by the session"
    tests = (Test(cause="prepacking", level="off", predicts=Direction.SLOWER),)


FACTOR = Prepacking()
