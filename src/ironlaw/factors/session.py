"""session.*: what ONNX Runtime is asked to do when it opens a file; read by the engine, not part of the file."""

from __future__ import annotations

from ironlaw.factor import ActsOn, Factor


class Arena(Factor):
    """off gives every tensor back to malloc."""

    name = "session.arena"
    summary = "whether ONNX Runtime keeps freed memory"
    plain = "on"
    levels = ("on", "off")
    acts_on = ActsOn.ENGINE
    may_move = "page faults and kernel time, as malloc's settings allow"


class Optimization(Factor):
    """all fuses and lays out for the CPU, extended fuses, basic folds constants; none keeps the graph of the file."""

    name = "session.optimization"
    summary = "which rewrites ONNX Runtime applies to the graph"
    plain = "all"
    levels = ("all", "extended", "basic", "none")
    acts_on = ActsOn.ENGINE
    may_move = "operator count, layout, fusion, and so rounding"


class Prepacking(Factor):
    """off lets kernels pack the weights at every call."""

    name = "session.prepacking"
    summary = "whether ONNX Runtime lays out weights for its kernels once, when it loads"
    plain = "on"
    levels = ("on", "off")
    acts_on = ActsOn.ENGINE
    may_move = "memory held by the session"


class Qdq(Factor):
    """kept executes the pairs around float operators: what an unfused model costs."""

    name = "session.qdq"
    summary = "whether ONNX Runtime turns quantize-dequantize pairs into int8 operators"
    plain = "fused"
    levels = ("fused", "kept")
    acts_on = ActsOn.ENGINE
    may_move = "which operators compute in int8, and so the answers by rounding"


class Spinning(Factor):
    """off lets them sleep: slower to wake, but they take no CPU from others. Does nothing at one thread."""

    name = "session.spinning"
    summary = "whether ONNX Runtime's idle pool threads spin"
    plain = "on"
    levels = ("on", "off")
    acts_on = ActsOn.ENGINE
    may_move = "CPU time of the pool, context switches"


FACTORS = (Arena(), Optimization(), Prepacking(), Qdq(), Spinning())
