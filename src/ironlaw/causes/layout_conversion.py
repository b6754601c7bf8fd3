"""layout-conversion: permutes and reorders run at each call."""

from __future__ import annotations

from ironlaw.cause import Cause, Part


class LayoutConversion(Cause):
    """Permutes and reorders run at each call."""

    slug = "layout-conversion"
    title = "layout conversion"
    mechanism = "permutes and reorders run at each call"
    part = Part.SLOWER
    order = 380
    example = "the census counts permutes and copies that the other arm does not have"


CAUSE = LayoutConversion()
