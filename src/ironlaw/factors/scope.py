"""scope: what is counted as one inference."""

from __future__ import annotations

from ironlaw.factor import Factor


class Scope(Factor):
    """process: the share of starting, importing, loading and warming up that falls to each inference is counted too.

    That is what `time` or `perf stat` around a whole script divide by the number of its inferences. The start-up is
    measured in every replicate; over how many inferences it is spread is the plan's --n, or what the arm ran.
    """

    name = "scope"
    summary = "what is counted"
    plain = "inference"
    levels = ("inference", "process")
    may_move = "nothing that runs: the same readings, counted otherwise"


FACTOR = Scope()
