"""scope: what is counted as one inference."""

from __future__ import annotations

from ironlaw.factor import Factor


class Scope(Factor):
    """process: each inference's share of starting, importing, loading and warming up is counted, too.

    This corresponds to `time` or `perf stat` of a whole script, divided by its inferences. The start-up is measured in
    every replicate, and divided by the plan's --n or, without it, by the inferences that the arm ran.
    """

    name = "scope"
    summary = "what is counted"
    plain = "inference"
    levels = ("inference", "process")
    may_move = "nothing that runs: the same readings, counted otherwise"


FACTOR = Scope()
