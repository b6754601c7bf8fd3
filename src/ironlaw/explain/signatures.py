"""Signatures: what an arm's readings show that calls for an experiment, or spares it one."""

from __future__ import annotations

from dataclasses import dataclass

from ironlaw.arm import Arm
from ironlaw.explain.turns import ArmTurns
from ironlaw.missing import Missing
from ironlaw.recording import ArmStarted, Recording
from ironlaw.variant import PRECISION

# A minor fault takes about a microsecond with its zeroing: twenty are beyond notice in any inference worth tuning.
FEWEST_FAULTS = 20.0
# An operator of eager PyTorch costs some microseconds before it computes; above this, that is a small part.
MOST_NS_PER_OPERATOR = 30_000.0
LEAST_SUBNORMAL_SHARE = 1e-4
# Said where an arm's own part cannot be measured and is known to be on the same side.
UPPER_BOUND = "its packed int8 weights cannot be aliased; what they cost is not deducted, so the part is an upper bound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What is known of one arm after at least one replicate; None where it is not known."""

    arm: Arm
    wall_ns: float
    page_faults: float
    checks: dict[str, bool]
    census: dict[str, float]
    cpus: int

    @property
    def computes_int8(self) -> bool:
        """Whether it executed any int8 operator; by its name where the engine does not tell."""
        if "int8_operators" in self.census:
            return self.census["int8_operators"] > 0
        return self.arm.variant.level(PRECISION).startswith("int8")

    @property
    def takes_images(self) -> bool:
        """Whether its first input has four dimensions."""
        return self.census.get("input_rank") == 4

    def shows(self, cause: str) -> bool:
        """Whether the arm shows the signature of a cause that a switch can take away."""
        match cause:
            case "page-faults":
                return self.page_faults >= FEWEST_FAULTS
            case "train-mode":
                return self.checks.get("training", False)
            case "autograd":
                return self.checks.get("records_graph", False)
            case "constant-input":
                return self.checks.get("constant_input", False)
            case "denormals":
                return self.census.get("subnormal_share", 0.0) >= LEAST_SUBNORMAL_SHARE
            case "dispatch-overhead":
                operators = self.census.get("operators", 0.0)
                return operators > 0 and self.wall_ns / operators < MOST_NS_PER_OPERATOR
            case "thread-oversubscription":
                return self.census.get("threads", 0.0) > self.cpus
            case "weight-traffic":
                return not self.computes_int8 and "operators" in self.census
            case "layout":
                return self.takes_images and not self.computes_int8
        return False

    def spared(self, cause: str) -> str:
        """Why nothing of this cause can be in the arm, where its readings exclude it; empty otherwise."""
        match cause:
            case "page-faults":
                return f"it has {self.page_faults:.2g} page faults an inference"
            case "train-mode":
                return "its modules are in eval mode" if self.checks.get("training") is False else ""
            case "autograd":
                return "it records no graph" if self.checks.get("records_graph") is False else ""
            case "constant-input":
                return "its inputs are not constant" if self.checks.get("constant_input") is False else ""
            case "denormals":
                return "it computes no subnormal numbers" if "subnormal_share" in self.census else ""
            case "thread-oversubscription":
                return "its threads have a CPU each" if "threads" in self.census else ""
            case "layout":
                return "int8 convolutions are channels_last already" if self.computes_int8 else ""
            case "weight-traffic":
                return UPPER_BOUND if self.computes_int8 else ""
        return ""


def observe(recording: Recording, turns: dict[str, ArmTurns]) -> dict[str, Observed]:
    """What is known of every arm that took a turn."""
    started: dict[str, ArmStarted] = {fact.arm: fact for fact in recording.started}
    censuses = {fact.arm: fact.counts for fact in recording.censuses}
    seen = {}
    for arm in recording.plan.arms:
        table = turns.get(arm.name)
        if table is None or not len(table) or arm.name not in started:
            continue
        faults = table.mean("page-faults")
        fact = started[arm.name]
        seen[arm.name] = Observed(
            arm=arm,
            wall_ns=float(table.wall_ns.mean()),
            page_faults=0.0 if isinstance(faults, Missing) else faults,
            checks={name: told for name, told in fact.checks.items() if not isinstance(told, Missing)},
            census={
                name: count for name, count in censuses.get(arm.name, {}).items() if not isinstance(count, Missing)
            },
            cpus=len(fact.cpus),
        )
    return seen
