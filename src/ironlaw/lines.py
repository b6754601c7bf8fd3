"""A line of a recording: a fact under the name of its kind, and when it became known."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import msgspec

from ironlaw.circumstance import (
    AssumedArchitecture,
    GivenExamples,
    LeftRunning,
    QuantizableVariant,
    RandomNumbers,
    RandomTokens,
    ShortBudget,
    UntrainedWeights,
)
from ironlaw.code import CodeSamples
from ironlaw.concern import Concern
from ironlaw.fact import (
    ArmPrepared,
    ArmStarted,
    Ceilings,
    Census,
    CounterCheck,
    Ended,
    Fact,
    Failure,
    Header,
    InterpreterStarted,
    Labelled,
    NullReading,
    Outputs,
    Reading,
    Spent,
)
from ironlaw.laws import NotNegative
from ironlaw.layer import LayerGraph, LayerReading
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, Missing
from ironlaw.plan import Plan
from ironlaw.references import check_references

KINDS: dict[str, type] = {
    "header": Header,
    "machine": Machine,
    "plan": Plan,
    "counters": CounterCheck,
    "prepared": ArmPrepared,
    "interpreter": InterpreterStarted,
    "started": ArmStarted,
    "reading": Reading,
    "ceilings": Ceilings,
    "null": NullReading,
    "census": Census,
    "outputs": Outputs,
    "labelled": Labelled,
    "layers": LayerGraph,
    "layer-reading": LayerReading,
    "code": CodeSamples,
    "failure": Failure,
    "concern": Concern,  # of versions that recorded doubts and not what they follow from
    "untrained-weights": UntrainedWeights,
    "assumed-architecture": AssumedArchitecture,
    "random-tokens": RandomTokens,
    "random-numbers": RandomNumbers,
    "given-examples": GivenExamples,
    "quantizable-variant": QuantizableVariant,
    "left-running": LeftRunning,
    "short-budget": ShortBudget,
    "spent": Spent,
    "ended": Ended,
}
NAMES = {kind: name for name, kind in KINDS.items()}
_AT_S = "at_s"
_UNTIMED: Missing = Missing("was not recorded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A fact, and when it was written: seconds since the first one of its recording."""

    fact: Fact
    at_s: Maybe[float] = _UNTIMED


def encode(fact: Fact, *, at_s: Maybe[float] = _UNTIMED) -> bytes:
    """One line of a recording, without its newline; `at_s` is left out where it is not known."""
    line: dict[str, Any] = {NAMES[type(fact)]: fact}
    if not isinstance(at_s, Missing):
        line[_AT_S] = round(at_s, 6)
    return msgspec.json.encode(line)


def decode_timed(line: bytes) -> Timed | None:
    """The fact in a line and its time; None for a kind that a later version may have added.

    Raises:
        msgspec.DecodeError: the line is not whole.
    """
    tagged = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    name, body = next(iter(tagged.items()))
    if name not in KINDS:
        return None
    fact: Fact = _decoder(name).decode(body)
    check_references(fact)
    at_s = _SECONDS.decode(tagged[_AT_S]) if _AT_S in tagged else _UNTIMED
    return Timed(fact=fact, at_s=at_s)


def decode(line: bytes) -> Fact | None:
    """The fact in a line, as `decode_timed` gives it."""
    timed = decode_timed(line)
    return None if timed is None else timed.fact


@functools.cache
def _decoder(name: str) -> msgspec.json.Decoder[Any]:
    """Made where a line of the kind is met: a twin decodes few kinds, and starts sooner without the others."""
    return msgspec.json.Decoder(KINDS[name])


_SECONDS: msgspec.json.Decoder[float] = msgspec.json.Decoder(NotNegative)
