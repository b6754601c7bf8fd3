"""A recording's facts as the lines of its file, all kinds."""

from __future__ import annotations

from ironlaw.fact import Fact
from ironlaw.missing import is_known
from ironlaw.recording import Recording, encode


def lines_of(recording: Recording) -> list[bytes]:
    """The lines, without their ends, in an order in which a run could have written them."""
    of = recording
    once = [[fact] for fact in (of.header, of.machine) if is_known(fact)]
    found = [[fact] for fact in (of.counters, of.ceilings) if is_known(fact)]
    ended = [[fact] for fact in (of.ended,) if is_known(fact)]
    many: list[tuple[Fact, ...]] = [
        of.plans, of.prepared, of.interpreters, of.started, of.censuses, of.layer_graphs, of.readings,
        of.layer_readings, of.code_samples, of.nulls, of.outputs, of.labelled, of.failures, of.concerns,
    ]  # fmt: skip
    return [encode(fact) for facts in (*once, *found, *many, *ended) for fact in facts]
