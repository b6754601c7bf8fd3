"""Circumstances: facts noticed while a run was prepared and measured that put a result in doubt.

`analysis/concerns/circumstances.py` turns each into a concern.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ironlaw.missing import Maybe
from ironlaw.ranges import Amount, NotNegative, Positive, Real


@dataclass(frozen=True, slots=True, kw_only=True)
class UntrainedWeights:
    """The weights are seeded random numbers, because the published ones were not available."""

    reason: str
    cache: str = "torch's cache"  # where they would be found without a network; empty: they are not published


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumedArchitecture:
    """A checkpoint's configuration was not available: its documented class runs with that class's defaults."""

    source: str
    configuration: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomTokens:
    """The tokenizer cannot be used: the inputs are seeded random tokens."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomNumbers:
    """A model file runs on seeded random numbers."""

    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenExamples:
    """The number of inputs that a factory gave; answers are compared on these, and int8 is calibrated on them, or on
    some of many.
    """

    count: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizableVariant:
    """All arms run a library's quantizable variant of the requested model; how far the two agree.

    `agreed` of `compared` inputs have the same top class in both; the signal-to-noise ratio is of all outputs.
    """

    name: str
    agreed: Amount
    compared: Positive
    sqnr_db: Maybe[Real]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftRunning:
    """Processes that an arm had started were still running after it, and were terminated.

    `arm` is empty if it cannot be distinguished which arm of `beside` started them.
    """

    arm: str
    beside: tuple[str, ...]
    commands: tuple[str, ...]


class Supplement(Enum):
    """What a run reads besides its counted turns."""

    LAYERS = "layers"
    CODE = "code"
    ANSWERS = "answers"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortBudget:
    """What was left out because preparing and starting left too little of the budget."""

    budget_s: NotNegative
    left_s: NotNegative
    left_out: tuple[Supplement, ...]


Circumstance = (
    UntrainedWeights
    | AssumedArchitecture
    | RandomTokens
    | RandomNumbers
    | GivenExamples
    | QuantizableVariant
    | LeftRunning
    | ShortBudget
)
