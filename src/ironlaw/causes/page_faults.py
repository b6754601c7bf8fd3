"""page-faults: large activations are given back to the system and faulted in again at every inference."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.experiment import Switch
from ironlaw.explanation.account import Category
from ironlaw.missing import Maybe, Missing
from ironlaw.observed import Observed

# A minor fault takes about a microsecond with its zeroing: twenty are beyond notice in any inference worth tuning.
FEWEST_FAULTS = 20.0


class PageFaults(Cause):
    """Large activations are given back to the system and faulted in again at every inference."""

    slug = "page-faults"
    title = "page faults"
    mechanism = "large activations are given back to the system and faulted in again at every inference"
    part = Part.FASTER
    order = 170
    example = (
        "`ironlaw run --arms fp32,int8 --experiments page-faults`: fp32 MobileNetV2 with `malloc=retain` ran in 16.3 "
        "ms instead of 22.9 ms"
    )
    counted_in = "page faults an inference"
    switches = (
        Switch(cause=slug, factor="malloc", level="retain"),
        # Of an arm that was requested without it: an arena keeps what is freed.
        Switch(cause=slug, factor="session.arena", level="on"),
    )
    other_levels = (
        Switch(cause=slug, factor="malloc", level="jemalloc"),
        Switch(cause=slug, factor="malloc", level="tcmalloc"),
        Switch(cause=slug, factor="session.arena", level="off", adds=True),
    )
    factors = ("malloc", "session.arena")
    is_confounder = True
    events = ("page-faults",)
    located_in = (Category.PAGE_FAULTS,)

    def shows(self, arm: Observed) -> bool:
        """More faults than would go unnoticed."""
        return not isinstance(arm.page_faults, Missing) and arm.page_faults >= FEWEST_FAULTS

    def burden(self, arm: Observed) -> Maybe[float]:
        """Its faults."""
        return arm.page_faults

    def excludes(self, arm: Observed) -> str:
        """Too few to matter."""
        if isinstance(arm.page_faults, Missing) or self.shows(arm):
            return ""
        faults = f"{arm.page_faults:.2g}"
        return f"it has {faults} page fault{'' if faults == '1' else 's'} an inference"


CAUSE = PageFaults()
