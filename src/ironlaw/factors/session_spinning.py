"""session.spinning: whether ONNX Runtime's idle pool threads spin."""

from __future__ import annotations

from ironlaw.factor import Direction, Factor, Test


class Spinning(Factor):
    """off lets them sleep: slower to wake, but they take no CPU from others. Does nothing at one thread."""

    name = "session.spinning"
    summary = "whether ONNX Runtime's idle pool threads spin"
    plain = "on"
    levels = ("on", "off")
    engines = ("onnxruntime",)
    may_move = "CPU time of the pool, context switches"
    tests = (Test(cause="thread-oversubscription", level="off", predicts=Direction.FASTER),)


FACTOR = Spinning()
