"""layout-conversion: permutes and reorders run at each call."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.explanation.account import Category


class LayoutConversion(Cause):
    """Permutes and reorders run at each call."""

    slug = "layout-conversion"
    title = "layout conversion"
    mechanism = "permutes and reorders run at each call"
    part = Part.SLOWER
    order = 380
    example = "the census counts permutes and copies that the other arm does not have"
    located_in = (Category.REORDER,)
    does = "copies and reorders tensors"
    least_share = 0.15


CAUSE = LayoutConversion()
