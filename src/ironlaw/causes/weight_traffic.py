"""weight-traffic: fewer bytes of weights come from memory, or from the last-level cache."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.cause import SAME_BURDEN, Cause, Guess, Part, Reach
from ironlaw.causes.cache_fit import FEWER_MISSES
from ironlaw.experiment import Switch
from ironlaw.explanation import SAVED_BYTES, SAVED_NS, SAVED_SHARE, ArmSummary
from ironlaw.fact import Ceilings
from ironlaw.factors import FACTORS
from ironlaw.factors.weights import ALIASABLE, FRAME_BYTES, with_own_memory
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.observed import SUSPECTED_BYTES, Observed

UPPER_BOUND = (
    "its packed quantized weights cannot be aliased; their cost is not deducted, so the part is an upper bound"
)
OWN = "its weights are where its engine cannot alias them; their cost is not deducted, so the part is an upper bound"
FEW_BITS = "its weights of few bits cannot be aliased; their cost is not deducted, so the part is an upper bound"


# Of the level-2 cache, what weights may take: activations, code and a neighbour on the same core need the rest.
_SHARE_OF_CACHE = 0.5


def _stays(arm: Observed) -> bool:
    """Whether all of an arm's weights stay in the level-2 cache of its CPU from one inference to the next."""
    is_emptied = arm.arm.variant.level("cache") != FACTORS["cache"].plain
    if isinstance(arm.level2_bytes, Missing) or is_emptied:
        return False
    return 0 < arm.size_bytes <= _SHARE_OF_CACHE * arm.level2_bytes


def _megabytes(arm: Observed) -> str:
    return f"{arm.size_bytes / 1e6:.2g}"


def _are_equally_large(one: Observed, other: Observed) -> bool:
    """Whether both models take as many bytes, as far as that is known, and none of them stays in a cache."""
    if SUSPECTED_BYTES in (one.size_bytes, other.size_bytes) or _stays(one) or _stays(other):
        return False
    return abs(one.size_bytes - other.size_bytes) <= SAME_BURDEN * max(one.size_bytes, other.size_bytes)


class WeightTraffic(Cause):
    """Fewer bytes of weights come from memory."""

    slug = "weight-traffic"
    title = "weight traffic"
    mechanism = "fewer bytes of weights come from memory, or from the last-level cache where they fit into it"
    part = Part.FASTER
    order = 230
    example = (
        "`ironlaw run --experiments weight-traffic`: all weights in one small buffer (`weights=aliased`), beside the "
        "same numbers in memory of their own (`weights=repeated`), since some operators take longer on other numbers "
        "than the model's. Of timm's convnext_atto in ONNX Runtime on Zen 5, 1.052× [1.042, 1.063], where aliased "
        "weights by themselves made it 7 % slower, since numbers became subnormal. In ONNX Runtime (float files) "
        "the optimised graph is opened again with its packed weights in a mapped file, whose pages become the same "
        "256 KiB; of a compiled package, those of its constants do, and in OpenVINO those that are found to hold "
        "packed weights"
    )
    counted_in = "bytes of the model"
    switches = (Switch(cause=slug, factor="weights", level="aliased"),)
    factors = ("weights",)
    reach = Reach.WIDEST
    events = ("cache-misses", "cache-references")
    guesses = (FEWER_MISSES, Guess(place=2, text="less time to transfer parameters", counts_bytes=True))

    def shows(self, arm: Observed) -> bool:
        """It computes in float, by operators that could be seen, with more weights than aliasing and a cache leave."""
        if _stays(arm):
            return False
        if ALIASABLE in arm.census:
            return arm.census[ALIASABLE] > FRAME_BYTES
        return not arm.computes_int8 and "operators" in arm.census and arm.size_bytes > FRAME_BYTES

    def may_divide(self, control: Observed, changed: Observed) -> bool:
        """Not where both read as many bytes, and those of one of them alone can be aliased: it loses what the other one
        would lose too, as an arm whose LSTM stayed in float.
        """
        is_one_sided = self.shows(control) != self.shows(changed)
        return not (is_one_sided and _are_equally_large(control, changed))

    def is_equal_in(self, one: Observed, other: Observed) -> bool:
        """Also where the weights of one of them alone can be aliased."""
        return super().is_equal_in(one, other) or not self.may_divide(one, other)

    def burden(self, arm: Observed) -> Maybe[float]:
        """The size of its model."""
        return float(arm.size_bytes)

    def beside(self, switch: Switch) -> Switch | None:
        """The same numbers in memory of their own: operators can take longer on other numbers than the model's."""
        level = with_own_memory(switch.level)
        return replace(switch, level=level) if level else None

    def excludes(self, arm: Observed) -> str:
        """Its weights are packed, or few."""
        if arm.computes_int8 and not arm.census.get(ALIASABLE):
            return UPPER_BOUND
        if arm.census.get("widening_operators") and not arm.census.get(ALIASABLE):
            return FEW_BITS
        if ALIASABLE in arm.census and arm.census[ALIASABLE] == 0:
            return OWN
        if _stays(arm):
            return f"its {_megabytes(arm)} MB of weights stay in the level-2 cache between inferences"
        few = "its weights are no larger than what aliasing leaves"
        return few if arm.size_bytes <= FRAME_BYTES else ""

    def evidence(self, control: ArmSummary, changed: ArmSummary, ceilings: Maybe[Ceilings]) -> dict[str, Maybe[float]]:
        """What streaming the difference in model size once an inference would take at the measured bandwidth, in ns.

        A bound from above only if weights came from memory each time; caches make it smaller.
        """
        if isinstance(ceilings, Missing):
            return {}
        before, after, rate = control.size_bytes, changed.size_bytes, ceilings.read_bytes_per_s
        if not (is_known(before) and is_known(after) and is_known(rate)):
            return {}
        saved_bytes = before - after
        saved_ns = saved_bytes / rate * 1e9
        found: dict[str, Maybe[float]] = {SAVED_BYTES: float(saved_bytes), SAVED_NS: saved_ns}
        if is_known(control.wall_ns) and is_known(changed.wall_ns) and control.wall_ns.value != changed.wall_ns.value:
            found[SAVED_SHARE] = saved_ns / (control.wall_ns.value - changed.wall_ns.value)
        return found


CAUSE = WeightTraffic()
