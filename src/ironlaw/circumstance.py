"""Circumstances: what was noticed while a run was prepared and measured that puts a result in doubt, as facts.

Which doubt follows, in which words, is up to `analysis/concerns/circumstances.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ironlaw.laws import Amount, NotNegative, Positive, Real
from ironlaw.missing import Maybe


@dataclass(frozen=True, slots=True, kw_only=True)
class UntrainedWeights:
    """The weights are seeded, because the published ones could not be had."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumedArchitecture:
    """A checkpoint's configuration could not be had: its documented class is run with that class's defaults."""

    source: str
    configuration: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomTokens:
    """A tokenizer cannot be used: the inputs are seeded random tokens."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomNumbers:
    """A model file is run on seeded random numbers."""

    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenExamples:
    """A factory gave inputs, on which answers are compared and int8 is calibrated: how many."""

    count: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizableVariant:
    """All arms run a library's quantizable variant of the model that was named; how far the two agree.

    `agreed` of `compared` inputs have the same top class in both; the signal-to-noise ratio is of all outputs.
    """

    name: str
    agreed: Amount
    compared: Positive
    sqnr_db: Maybe[Real]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftRunning:
    """Processes were running when an arm's had ended, and were ended.

    `arm` is empty where it can have been any of `beside`.
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
    """What is left out because the budget leaves too little behind preparing and starting."""

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
