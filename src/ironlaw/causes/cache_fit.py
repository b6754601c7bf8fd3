"""cache-fit: the working set crosses the capacity of a cache."""

from __future__ import annotations

from ironlaw.cause import Cause, Guess, Part
from ironlaw.experiment import Switch
from ironlaw.missing import Maybe
from ironlaw.observed import Observed

FEWER_MISSES = Guess(place=1, text="fewer cache misses, because the parameters are smaller")


class CacheFit(Cause):
    """The working set crosses the capacity of a cache."""

    slug = "cache-fit"
    title = "cache fit"
    mechanism = "the working set crosses the capacity of a cache"
    part = Part.FASTER
    order = 240
    example = (
        "`ironlaw run --experiments cache-fit`: caches emptied between inferences in both arms; undecided where both "
        "have as many bytes of weights (within 5 %), since then the cold only costs one more, and where the slower "
        "arm loses by the cold as well, since then it was in the caches too"
    )
    counted_in = "bytes of the model"
    switches = (Switch(cause=slug, factor="cache", level="cold", adds=True),)
    factors = ("cache",)
    if_slower_loses = "emptied caches cost the slower arm too: its data was in the caches as well"
    events = ("cache-misses",)
    guesses = (FEWER_MISSES,)

    def shows(self, arm: Observed) -> bool:
        """Every arm keeps something in the caches."""
        return True

    def burden(self, arm: Observed) -> Maybe[float]:
        """The size of its model."""
        return float(arm.size_bytes)


CAUSE = CacheFit()
