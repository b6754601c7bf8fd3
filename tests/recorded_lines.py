"""A recording's facts as the lines of its file, all kinds."""

from __future__ import annotations

from ironlaw.fact import Fact
from ironlaw.lines import encode
from ironlaw.missing import Maybe, Missing
from ironlaw.recording import Recording


def lines_of(recording: Recording) -> list[bytes]:
    """The lines, without their ends, in an order in which a run could have written them."""
    of = recording
    first: list[Maybe[Fact]] = [of.header, of.machine, of.counters]
    many: list[tuple[Fact, ...]] = [
        of.ceilings, of.plans, of.prepared, of.interpreters, of.started, of.censuses, of.layer_graphs, of.readings,
        of.layer_readings, of.code_samples, of.nulls, of.outputs, of.labelled, of.failures, of.concerns,
        of.circumstances, of.spent,
    ]  # fmt: skip
    facts = [*first, *(fact for one in many for fact in one), of.ended]
    return [encode(fact) for fact in facts if not isinstance(fact, Missing)]
