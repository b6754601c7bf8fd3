"""The figures of one phase of generating text: rates per token, the bytes it reads, and the ceilings of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ironlaw.estimate import Estimate
from ironlaw.missing import Maybe, Missing
from ironlaw.phase import Phase

NOT_GENERATING = Missing("it is not measured in a phase of generating text")
_NOT_COMPARED = Missing("the answers were not compared")
READING = "read bandwidth"  # the ceiling of reading memory, beside those of arithmetic by number format


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One arm in its phase.

    `bytes_per_token` are those of the weights, each read once an inference, and of the keys and values after which a
    token is decoded. `reached` is the share of each ceiling of the machine: of reading memory, and of multiplying by
    number format; above 1 where weights come from a cache. `own_clock` is the time that the engine itself reports over
    the time measured around the same inferences.
    """

    phase: Phase
    tokens_per_s: Maybe[Estimate]
    ns_per_token: Maybe[Estimate]
    first_token_ns: Maybe[Estimate]
    bytes_per_token: Maybe[float]
    cache_bytes_per_token: Maybe[float]
    macs_per_token: Maybe[float]
    weight_bytes: Mapping[str, float] = field(default_factory=dict)  # by type of number
    reached: Mapping[str, Maybe[Estimate]] = field(default_factory=dict)
    perplexity: Maybe[float] = _NOT_COMPARED  # of a text of `text_tokens` predicted tokens
    text_tokens: Maybe[float] = _NOT_COMPARED
    kl_nats: Maybe[float] = _NOT_COMPARED  # of its distribution over tokens from the control's, mean over positions
    own_clock: Maybe[float] = Missing("the engine reports no times")

    @property
    def macs_per_byte(self) -> Maybe[float]:
        """Arithmetic intensity: products for each byte that is read."""
        if isinstance(self.macs_per_token, Missing):
            return self.macs_per_token
        if isinstance(self.bytes_per_token, Missing):
            return self.bytes_per_token
        return self.macs_per_token / self.bytes_per_token if self.bytes_per_token else Missing("it reads no bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadStep:
    """The rate with `second` threads over that with `first`."""

    first: int
    second: int
    gain: Maybe[Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class RateByThreads:
    """An arm in its phase at several numbers of threads, in their order."""

    arm: str
    steps: tuple[ThreadStep, ...]

    @property
    def stops_at(self) -> int | None:
        """The number of threads from which the next is not shown to gain; None where each gains, or one is unknown."""
        for step in self.steps:
            if isinstance(step.gain, Missing):
                return None
            if step.gain.low <= 1:
                return step.first
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class GainByPhase:
    """The same two programs in two phases: the gain in each, and the ratio of both gains.

    `gains` are control over changed in the phases' order; `ratio` is the first over the second. The gain turns where
    one phase is faster and the other slower, both shown.
    """

    changed: str
    control: str
    phases: tuple[Phase, Phase]
    gains: tuple[Maybe[Estimate], Maybe[Estimate]]
    ratio: Maybe[Estimate]

    @property
    def turns(self) -> bool:
        """Whether one gain is shown to be above 1 and the other below."""
        first, second = self.gains
        if isinstance(first, Missing) or isinstance(second, Missing):
            return False
        return (first.low > 1 and second.high < 1) or (first.high < 1 and second.low > 1)
