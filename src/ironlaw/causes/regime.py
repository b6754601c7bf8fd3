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
        "`ironlaw run model.py:build --threads 2`: record at another batch, shape or number of threads, and compare "
        "the answers"
    )


CAUSE = Regime()
