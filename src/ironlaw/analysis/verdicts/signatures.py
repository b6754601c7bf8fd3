"""Signatures: what an arm's readings show that calls for an experiment, or spares it one."""

from __future__ import annotations

from dataclasses import dataclass

from ironlaw.analysis.turns import ArmTurns
from ironlaw.arm import Arm
from ironlaw.fact import ArmStarted
from ironlaw.factors.weights import FRAME_BYTES
from ironlaw.missing import Missing
from ironlaw.recording import Recording
from ironlaw.variant import PRECISION

# A minor fault takes about a microsecond with its zeroing: twenty are beyond notice in any inference worth tuning.
FEWEST_FAULTS = 20.0
# An operator of eager PyTorch costs some microseconds before it computes; above this, that is a small part.
MOST_NS_PER_OPERATOR = 30_000.0
LEAST_SUBNORMAL_SHARE = 1e-4
# Relative difference below which two arms bear a countable cause alike: page faults of equal arms differ by less.
SAME_BURDEN = 0.05
# The yes or no in an arm's checks by which it shows a fault.
FAULT_CHECKS = {"train-mode": "training", "autograd": "records_graph", "constant-input": "constant_input"}
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
    training_layers: tuple[str, ...] = ()  # that compute as in training; none are named in older recordings
    size_bytes: int = FRAME_BYTES + 1  # of the model; where nothing tells it, large enough to be suspected

    @property
    def computes_int8(self) -> bool:
        """Whether it executed any int8 operator; by its name where the engine does not tell."""
        if "int8_operators" in self.census:
            return self.census["int8_operators"] > 0
        return self.arm.variant.level(PRECISION).startswith("int8")

    @property
    def convolves_in_int8(self) -> bool:
        """Whether its convolutions are int8 ones, as far as is known; quantized dynamically they stay float."""
        return self.computes_int8 and not self.census.get("dynamic_operators", 0.0)

    @property
    def runs_by_foreign_engine(self) -> bool:
        """Whether its int8 operators are run by a library that torch does not prefer on this CPU."""
        return self.checks.get("foreign_quantized_engine", False)

    @property
    def is_given(self) -> bool:
        """Whether it is a user's own program."""
        return self.arm.factory is not None

    @property
    def takes_images(self) -> bool:
        """Whether its first input has four dimensions."""
        return self.census.get("input_rank") == 4

    def shows(self, cause: str) -> bool:
        """Whether the arm shows the signature of a cause that a switch can take away."""
        match cause:
            case "page-faults":
                return self.page_faults >= FEWEST_FAULTS
            case "train-mode" | "autograd" | "constant-input":
                return self.checks.get(FAULT_CHECKS[cause], False)
            case "denormals":
                return self.census.get("subnormal_share", 0.0) >= LEAST_SUBNORMAL_SHARE
            case "dispatch-overhead":
                operators = self.census.get("operators", 0.0)
                scripted = self.checks.get("scripted", False)
                return operators > 0 and not scripted and self.wall_ns / operators < MOST_NS_PER_OPERATOR
            case "thread-oversubscription":
                return self.census.get("threads", 0.0) > self.cpus
            case "weight-traffic":
                return not self.computes_int8 and "operators" in self.census and self.size_bytes > FRAME_BYTES
            case "layout":
                return self.takes_images and not self.convolves_in_int8 and not self.checks.get("channels_last", False)
            case "fusion":
                return self.is_given and self.census.get("norm_operators", 0.0) > 0 and not self.shows("train-mode")
            case "quantized-engine":
                return self.computes_int8 and (self.runs_by_foreign_engine or self.shows("reference-kernel"))
            case "reference-kernel":
                return self.census.get("sparse_convolutions", 0.0) > 0
            case "dynamic-quantization":
                # Of a layer that could not be given its range (an LSTM) the experiment would not count the cost.
                return 0 < self.census.get("dynamic_operators", 0.0) == self.census.get("range_finders")
        return cause == "cache-fit"  # every arm keeps something in the caches

    def burden(self, cause: str) -> float:
        """How much of a cause it shows, in what the cause is counted by; 1 of one that is there or not."""
        counted = self.census.get
        return {
            "page-faults": self.page_faults,
            "denormals": counted("subnormal_share", 0.0),
            "dispatch-overhead": counted("operators", 0.0),
            "thread-oversubscription": counted("threads", 0.0),
            "weight-traffic": float(self.size_bytes),
            "cache-fit": float(self.size_bytes),
            "fusion": counted("norm_operators", 0.0),
            "reference-kernel": counted("sparse_convolutions", 0.0),
            "dynamic-quantization": counted("dynamic_operators", 0.0),
        }.get(cause, 1.0)

    def bears_as_much_as(self, other: Observed, cause: str) -> bool:
        """Whether both show a cause, and neither more of it than the other: then it does not tell them apart."""
        mine, theirs = self.burden(cause), other.burden(cause)
        alike = abs(mine - theirs) <= SAME_BURDEN * max(mine, theirs)
        return self.shows(cause) and other.shows(cause) and alike

    def spared(self, cause: str) -> str:
        """Why nothing of this cause can be in the arm, where its readings exclude it; empty otherwise."""
        return next((why for slug, excluded, why in self._exclusions() if slug == cause and excluded), "")

    def _exclusions(self) -> tuple[tuple[str, bool, str], ...]:
        """Cause, whether the readings exclude it, and the words for that; the first that holds counts."""
        says, counted, int8 = self.checks.get, self.census, self.computes_int8
        return (
            ("page-faults", True, f"it has {self.page_faults:.2g} page faults an inference"),
            ("train-mode", says("training") is False, "no layer of it computes as in training"),
            ("autograd", says("records_graph") is False, "it records no graph"),
            ("constant-input", says("constant_input") is False, "its inputs are not constant"),
            ("denormals", "subnormal_share" in counted, "it computes no subnormal numbers"),
            ("thread-oversubscription", "threads" in counted, "its threads have a CPU each"),
            ("layout", says("channels_last") is True, "its images are channels_last already"),
            ("layout", self.convolves_in_int8, "int8 convolutions are channels_last already"),
            ("fusion", counted.get("norm_operators") == 0, "it executes no BatchNorm in float"),
            ("quantized-engine", not int8, "it computes nothing in int8"),
            ("quantized-engine", says("foreign_quantized_engine") is False, "it runs by the library preferred here"),
            (
                "reference-kernel",
                "sparse_convolutions" in counted,
                "no convolution of it lacks a fast kernel that we know of",
            ),
            ("dynamic-quantization", counted.get("dynamic_operators") == 0, "it finds no ranges at each call"),
            ("dispatch-overhead", says("scripted") is True, "no Python runs between its operators"),
            ("weight-traffic", int8, UPPER_BOUND),
            ("weight-traffic", self.size_bytes <= FRAME_BYTES, "its weights are no larger than what aliasing leaves"),
        )


def observe(recording: Recording, turns: dict[str, ArmTurns]) -> dict[str, Observed]:
    """What is known of every arm that took a turn."""
    started: dict[str, ArmStarted] = {fact.arm: fact for fact in recording.started}
    censuses = {fact.arm: fact.counts for fact in recording.censuses}
    sizes = {fact.arm: fact.prepared.size_bytes for fact in recording.prepared}
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
            training_layers=() if isinstance(fact.training_layers, Missing) else fact.training_layers,
            size_bytes=sizes.get(arm.name, FRAME_BYTES + 1),
        )
    return seen
