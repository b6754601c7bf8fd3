"""regime: the gain turns with batch, threads or shape."""

from __future__ import annotations

from ironlaw.cause import Cause, Part


class Regime(Cause):
    """The gain turns with batch, threads or shape."""

    slug = "regime"
    title = "the regime"
    mechanism = "the gain turns with batch, threads or shape"
    part = Part.SLOWER
    order = 440
    example = (
        "`ironlaw run model.py:build --vary batch=1,16`: faster at one point and slower at another confirms it, with "
        "the interaction's interval; the same sign at all of them refutes it"
    )


CAUSE = Regime()
