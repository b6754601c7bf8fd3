"""Concerns that follow from circumstances noticed while a run was prepared and measured."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ironlaw.circumstance import (
    AssumedArchitecture,
    Circumstance,
    GivenExamples,
    LeftRunning,
    QuantizableVariant,
    RandomNumbers,
    RandomTokens,
    ShortBudget,
    Supplement,
    UntrainedWeights,
)
from ironlaw.concern import Concern, Weight
from ironlaw.missing import Missing
from ironlaw.recording import Recording

UNTRAINED_WEIGHTS = "untrained-weights"
RANDOM_INPUTS = "random-inputs"
ENOUGH_EXAMPLES = 8

_LEFT_OUT = {
    Supplement.LAYERS: "layers are not read",
    Supplement.CODE: "code is not sampled",
    Supplement.ANSWERS: "answers are not compared",
}


def circumstance_doubts(recording: Recording) -> Iterator[Concern]:
    """Return the concerns of all circumstances, without duplicates, and the concerns of older recordings unchanged."""
    yield from recording.concerns
    found = (concern for fact in recording.circumstances if (concern := _doubt(fact)) is not None)
    yield from dict.fromkeys(found)


def is_trained(recording: Recording) -> bool:
    """Whether agreement can be judged: no model ran on seeded random weights."""
    return all(concern.slug != UNTRAINED_WEIGHTS for concern in circumstance_doubts(recording))


def _doubt(fact: Circumstance) -> Concern | None:
    match fact:
        case UntrainedWeights() | AssumedArchitecture() | QuantizableVariant():
            return _of_model(fact)
        case RandomTokens() | RandomNumbers() | GivenExamples():
            return _of_inputs(fact)
        case LeftRunning():
            who = fact.arm or "one of " + ", ".join(fact.beside)
            listed = ", ".join(fact.commands)
            return Concern(
                slug="left-running",
                text=f"{who} left processes running when it ended, and they were ended: {listed}",
                fix="end the processes that the program starts; until then they run beside whatever is measured next",
                arm=fact.arm,
                weight=Weight.NOTES,
            )
        case ShortBudget():
            lost = " and ".join(_LEFT_OUT[extra] for extra in fact.left_out)
            return Concern(
                slug="short-budget",
                text=f"the budget of {fact.budget_s:.0f} s leaves {fact.left_s:.0f} s after preparing and starting: "
                f"{lost}",
                fix=f"--budget {math.ceil(2 * fact.budget_s / 10) * 10}",
                weight=Weight.NOTES,
            )


def _of_model(fact: UntrainedWeights | AssumedArchitecture | QuantizableVariant) -> Concern:
    match fact:
        case UntrainedWeights():
            return Concern(
                slug=UNTRAINED_WEIGHTS,
                text=f"untrained weights: speed is valid, agreement is not ({fact.reason})",
                fix=f"run once with a network, or put the checkpoint into {fact.cache}"
                if fact.cache
                else "write a file.py:factory that loads trained weights",
                weight=Weight.NOTES,
            )
        case AssumedArchitecture():
            return Concern(
                slug="assumed-architecture",
                text=f"{fact.source} is not in the cache: this is {fact.configuration}() with its defaults, which "
                "transformers documents as similar to it",
                fix="run once with a network",
            )
        case QuantizableVariant():
            ratio = fact.sqnr_db.reason if isinstance(fact.sqnr_db, Missing) else f"SQNR {fact.sqnr_db:.0f} dB"
            return Concern(
                slug="quantizable-variant",
                text=f"all arms run torchvision's quantizable {fact.name}, which has ReLU instead of ReLU6: it "
                f"agrees with {fact.name} itself on {fact.agreed} of {fact.compared} photographs ({ratio})",
                fix=f"to keep ReLU6, name a file.py:factory that returns torchvision.models.{fact.name}()",
                weight=Weight.NOTES,
            )


def _of_inputs(fact: RandomTokens | RandomNumbers | GivenExamples) -> Concern | None:
    match fact:
        case RandomTokens():
            return Concern(
                slug=RANDOM_INPUTS,
                text=f"the tokenizer of {fact.source} cannot be used, so its inputs are seeded random tokens "
                f"({fact.reason})",
                fix="run once with a network",
                weight=Weight.NOTES,
            )
        case RandomNumbers():
            return Concern(
                slug=RANDOM_INPUTS,
                text=f"{fact.source} is run on seeded random numbers: calibration and agreement say little about real "
                "inputs",
                fix="write a file.py:factory that returns (model, [(inputs), ...]) with real ones",
                weight=Weight.NOTES,
            )
        case GivenExamples():
            if fact.count >= ENOUGH_EXAMPLES:
                return None
            inputs = f"{fact.count} input{'s' if fact.count > 1 else ''}"
            return Concern(
                slug="few-examples",
                text=f"the factory gave {inputs}: few for calibration and comparison",
                fix="return (module, [(input,), (input,), ...]) with real inputs, 64 or more",
                weight=Weight.NOTES,
            )
