"""The number of compilations by torch.compile in this process, as torch._dynamo counts them."""

from __future__ import annotations

import sys

from ironlaw.missing import Maybe, Missing

_COUNTERS = "torch._dynamo.utils"


def compilations() -> Maybe[int]:
    """The number of Python frames compiled so far; 0 if the compiler was never loaded.

    A frame counts once for each time that it is compiled: again for a shape, or a value, that it was not compiled for.
    """
    utils = sys.modules.get(_COUNTERS)
    if utils is None:
        return 0
    try:
        return int(utils.counters["frames"]["total"])
    except (AttributeError, KeyError, TypeError):
        return Missing("this version of torch does not count its compilations")


def graph_breaks() -> Maybe[int]:
    """The number of graph breaks: places where the compiler fell back to Python and compiled the rest in parts."""
    utils = sys.modules.get(_COUNTERS)
    if utils is None:
        return 0
    try:
        return int(sum(utils.counters["graph_break"].values()))
    except (AttributeError, KeyError, TypeError):
        return Missing("this version of torch does not count where its graphs end")


def since(before: Maybe[int], after: Maybe[int]) -> Maybe[int]:
    """The difference of two counts; the second one where the program reset the compiler between them."""
    if isinstance(before, Missing):
        return before
    if isinstance(after, Missing):
        return after
    return after - before if after >= before else after
