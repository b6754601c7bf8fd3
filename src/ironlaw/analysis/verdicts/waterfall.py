"""The waterfall: from a published speed-up to the fair one, fixing one fault after the other."""

from __future__ import annotations

from ironlaw import protocol
from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.verdicts.bench import Bench
from ironlaw.explanation import WaterfallStep

Terms = list[tuple[float, str]]


def waterfall(on: Bench) -> tuple[WaterfallStep, ...]:
    """The steps of the blog post's protocol; empty if its arms did not run.

    Parts are in ln units and add up: those of the faults to the difference between the published and the fair speed-up,
    the others to the fair speed-up. A step's part depends on its place in the order.
    """
    if not set(protocol.NAMES) <= set(on.ln_wall):
        return ()
    post, honest, precision = (
        _step(on, name, [(1.0, arms[0]), (-1.0, arms[1])], is_whole=name != "precision")
        for name, arms in (("post", protocol.POSTS), ("honest", protocol.HONEST), ("precision", protocol.LAST))
    )
    faults = [_step(on, step.cause, _terms(step)) for step in protocol.FAULTS]
    parts = [_step(on, step.cause, _terms(step)) for step in protocol.PARTS]
    return (post, *faults, honest, *parts, precision)


def _terms(step: protocol.Step) -> Terms:
    terms: Terms = []
    for sign, pair in ((1.0, step.control), (-1.0, step.changed)):
        if pair is not None:
            terms += [(sign, pair[0]), (-sign, pair[1])]
    return terms


def _step(on: Bench, name: str, terms: Terms, *, is_whole: bool = False) -> WaterfallStep:
    arms = tuple(arm for _, arm in terms)
    return WaterfallStep(name=name, is_whole=is_whole, arms=arms, ln=t_interval(list(on.series(*terms).values())))
