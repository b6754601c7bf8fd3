"""session.*: options of an ONNX Runtime session; not part of the file."""

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
    """all fuses and changes layouts for the CPU, extended fuses, basic folds constants; none keeps the graph of the
    file.
    """

    name = "session.optimization"
    summary = "which rewrites ONNX Runtime applies to the graph"
    plain = "all"
    levels = ("all", "extended", "basic", "none")
    acts_on = ActsOn.ENGINE
    may_move = "operator count, layout, fusion, and so rounding"


class Prepacking(Factor):
    """off makes kernels pack the weights at every call."""

    name = "session.prepacking"
    summary = "whether ONNX Runtime lays out weights for its kernels once, when it loads"
    plain = "on"
    levels = ("on", "off")
    acts_on = ActsOn.ENGINE
    may_move = "memory held by the session"


class Qdq(Factor):
    """kept executes the pairs around float operators, which shows the cost of an unfused model."""

    name = "session.qdq"
    summary = "whether ONNX Runtime turns quantize-dequantize pairs into int8 operators"
    plain = "fused"
    levels = ("fused", "kept")
    acts_on = ActsOn.ENGINE
    may_move = "which operators compute in int8, and so the answers by rounding"


class Spinning(Factor):
    """off lets idle threads sleep: they wake more slowly, but take no CPU time from others. No effect with one
    thread.
    """

    name = "session.spinning"
    summary = "whether ONNX Runtime's idle pool threads spin"
    plain = "on"
    levels = ("on", "off")
    acts_on = ActsOn.ENGINE
    may_move = "CPU time of the pool, context switches"


FACTORS = (Arena(), Optimization(), Prepacking(), Qdq(), Spinning())
