"""precision-islands: operators without an int8 form stay float in between."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.causes.not_quantized import claims_int8
from ironlaw.concern import Concern, Weight
from ironlaw.machine import Machine
from ironlaw.missing import Maybe
from ironlaw.observed import Observed

# Half of what an arm writes is float: its int8 operators are between float ones.
MOST_FLOAT_SHARE = 0.5


class PrecisionIslands(Cause):
    """Operators without an int8 form stay float in between."""

    slug = "precision-islands"
    title = "precision islands"
    mechanism = "operators without an int8 form stay float in between"
    part = Part.SLOWER
    order = 280
    example = "the census shows float operators between int8 ones"

    def consistent(self, arm: Observed, machine: Maybe[Machine]) -> str:
        """Most of what it writes is float."""
        if not is_mostly_float(arm):
            return ""
        share, int8 = 100 * arm.census["float_share"], arm.census["int8_operators"]
        return f"{share:.0f} % of what {arm.arm.name} writes is float, with {int8:.0f} int8 operators between"

    def concern(self, arm: Observed, cost: str) -> Concern | None:
        """It is called int8, and most of what it computes is not."""
        is_simulated = arm.census.get("fake_quantize_operators", 0.0) > 0
        if is_simulated or not (claims_int8(arm) and is_mostly_float(arm)):
            return None
        return Concern(
            slug=self.slug,
            text=(
                f"computes {100 * arm.census['float_share']:.0f} % of its output elements in floating point, "
                f"with {arm.census['int8_operators']:.0f} int8 operators between"
            ),
            fix="see the layers that stayed float: ironlaw layers FILE, or --verbose for files of other tools",
            arm=arm.arm.name,
            weight=Weight.NOTES,
        )


CAUSE = PrecisionIslands()


def is_mostly_float(arm: Observed) -> bool:
    """Whether an arm that executes int8 operators writes more in float."""
    counted = arm.computes_int8 and "int8_operators" in arm.census
    return counted and arm.census.get("float_share", 0.0) > MOST_FLOAT_SHARE
