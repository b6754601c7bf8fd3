"""What is known of one arm after at least one replicate: the readings that signatures of causes are read from."""

from __future__ import annotations

from dataclasses import dataclass

from ironlaw.arm import Arm
from ironlaw.factors.weights import FRAME_BYTES
from ironlaw.missing import Maybe
from ironlaw.variant import PRECISION

# Taken for a model of unknown size: large enough for its weights to be suspected.
SUSPECTED_BYTES = FRAME_BYTES + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One arm's readings. A check or count that could not be read is absent from `checks` or `census`.

    For the names of checks see measure/checks.py, for those of counts measure/census.py.
    """

    arm: Arm
    wall_ns: float
    page_faults: Maybe[float]  # an inference
    checks: dict[str, bool]
    census: dict[str, float]
    cpus: int
    training_layers: tuple[str, ...] = ()  # that compute as in training; none are named in older recordings
    size_bytes: int = SUSPECTED_BYTES  # of the model
    answers_as_control: bool = False  # bit for bit, as far as that was looked at

    @property
    def computes_int8(self) -> bool:
        """Whether it executed any int8 operator; judged by its name where the engine does not show its operators."""
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

    def level(self, factor: str) -> str:
        """The level of a factor that was asked for."""
        return self.arm.variant.level(factor)
