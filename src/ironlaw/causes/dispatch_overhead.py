"""dispatch-overhead: the framework's cost per operator, whatever the operator does."""

from __future__ import annotations

from ironlaw.cause import Cause, Part, Reach
from ironlaw.experiment import Switch
from ironlaw.explanation.account import Category
from ironlaw.machine import Machine
from ironlaw.missing import Maybe
from ironlaw.observed import Observed
from ironlaw.phase import WHOLE
from ironlaw.variant import PHASE

# An operator of eager PyTorch costs some microseconds before it computes; above this, that is a small part.
MOST_NS_PER_OPERATOR = 30_000.0

LEAST_SHARE = 0.4  # of the time


def _keeps_a_cache(arm: Observed) -> bool:
    """Whether it is a causal model in a phase of generation."""
    return arm.arm.variant.level(PHASE) != WHOLE


class DispatchOverhead(Cause):
    """The framework's cost per operator, whatever the operator does."""

    slug = "dispatch-overhead"
    title = "dispatch overhead"
    mechanism = "the framework's cost per operator, whatever the operator does"
    part = Part.FASTER
    order = 270
    example = (
        "`ironlaw run --experiments dispatch-overhead`: the same kernels, traced, without the framework's cost per "
        "operator"
    )
    counted_in = "operators"
    switches = (Switch(cause=slug, factor="dispatch", level="traced"),)
    factors = ("dispatch",)
    reach = Reach.WIDEST
    events = ("instructions",)
    located_in = (
        Category.INTERPRETER,
        Category.FRAMEWORK,
    )

    def shows(self, arm: Observed) -> bool:
        """Python calls its operators, and each takes little time."""
        operators = arm.census.get("operators", 0.0)
        is_fixed = arm.checks.get("scripted", False) or _keeps_a_cache(arm)
        return operators > 0 and not is_fixed and arm.wall_ns / operators < MOST_NS_PER_OPERATOR

    def burden(self, arm: Observed) -> Maybe[float]:
        """How many it calls."""
        return arm.census.get("operators", 0.0)

    def excludes(self, arm: Observed) -> str:
        """Nothing but the engine runs between them, or it cannot be traced."""
        if _keeps_a_cache(arm):
            return "a trace keeps no keys and values between its calls"
        return "no Python runs between its operators" if arm.checks.get("scripted") is True else ""

    def consistent(self, arm: Observed, machine: Maybe[Machine]) -> str:
        """Samples fall into the interpreter and between kernels; or what was compiled is in parts."""
        share = arm.share_of(Category.INTERPRETER, Category.FRAMEWORK)
        breaks = arm.census.get("graph_breaks", 0.0)
        if breaks:
            return f"torch.compile left {breaks:.0f} places of {arm.arm.name} to Python, which runs between the parts"
        where = "runs the interpreter and the framework"
        return f"{arm.arm.name} {where} for {100 * share:.0f} % of its time" if share >= LEAST_SHARE else ""


CAUSE = DispatchOverhead()
