"""session.arena: whether ONNX Runtime keeps freed memory."""

from __future__ import annotations

from ironlaw.factor import Direction, Factor, Test


class Arena(Factor):
    """off gives every tensor back to malloc."""

    name = "session.arena"
    summary = "whether ONNX Runtime keeps freed memory"
    plain = "on"
    levels = ("on", "off")
    engines = ("onnxruntime",)
    may_move = "page faults and kernel time, as malloc's settings allow"
    tests = (Test(cause="page-faults", level="off", predicts=Direction.SLOWER),)


FACTOR = Arena()
