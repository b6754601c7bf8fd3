"""Lines of a recording: a fact under the name of its kind, and the time it was written."""

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
from ironlaw.layer import LayerCode, LayerGraph, LayerReading
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, Missing
from ironlaw.plan import Plan
from ironlaw.ranges import NotNegative
from ironlaw.references import check_references
from ironlaw.replay import Replay

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
    "layer-code": LayerCode,
    "code": CodeSamples,
    "replay": Replay,
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
    """A fact, and when it was written, in seconds since the first fact of the recording."""

    fact: Fact
    at_s: Maybe[float] = _UNTIMED


def encode(fact: Fact, *, at_s: Maybe[float] = _UNTIMED) -> bytes:
    """Encode a fact as a line of a recording, without the newline. `at_s` is omitted if unknown."""
    line: dict[str, Any] = {NAMES[type(fact)]: fact}
    if not isinstance(at_s, Missing):
        line[_AT_S] = round(at_s, 6)
    return msgspec.json.encode(line)


def decode_timed(line: bytes) -> Timed | None:
    """Decode a line into its fact and time; None for an unknown kind, which a later version may have added.

    Raises:
        msgspec.DecodeError: the line is incomplete.
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
    """Decode a line into its fact, as `decode_timed` does."""
    timed = decode_timed(line)
    return None if timed is None else timed.fact


@functools.cache
def _decoder(name: str) -> msgspec.json.Decoder[Any]:
    """The decoder of a kind, created on first use: a twin decodes few kinds, and starts faster without the others."""
    return msgspec.json.Decoder(KINDS[name])


_SECONDS: msgspec.json.Decoder[float] = msgspec.json.Decoder(NotNegative)
