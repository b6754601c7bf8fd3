"""Phases of generation: a prompt read at once, or one token after the others.

What an engine knows of the work of one inference in a phase, by name: tokens it processes, depth (tokens before them),
weight_bytes (all that it reads of weights), the same by type of number as weight_bytes_TYPE, cache_bytes (keys and
values read), macs_per_token (products with weights), threads, repacked_bytes (of weights that were reordered when they
were loaded), and aliasable_bytes (see factors/weights.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from ironlaw.missing import Maybe, Missing

WHOLE = "whole"  # the level of an arm that is called on its inputs as they are
_WRITTEN = re.compile(r"(prefill|decode):([1-9]\d{0,5})")
# What a census calls the mean loss of a text's tokens, and how many were predicted.
TEXT_NATS, TEXT_TOKENS = "text_nats", "text_tokens"
# What to do instead of several sequences at once, which no engine measures.
ONE_SEQUENCE = (
    "leave the batch out (--batch, --vary batch); an arm with +phase=prefill:512 processes more tokens at once"
)
NO_PHASE = Missing("an inference is the whole of its input, not a phase of generation")


class PhaseKind(Enum):
    """The two workloads of a language model."""

    PREFILL = "prefill"  # many tokens at once, with nothing before them
    DECODE = "decode"  # one token after others that are known


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What one inference of an arm does: prefill of `tokens` tokens, or decoding one token after `tokens` others."""

    kind: PhaseKind
    tokens: int

    @classmethod
    def read(cls, level: str) -> Maybe[Phase]:
        """Read a level of the factor: `prefill:128`, `decode:32`; a gap for any other level."""
        written = _WRITTEN.fullmatch(level)
        return cls(kind=PhaseKind(written[1]), tokens=int(written[2])) if written else NO_PHASE

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.tokens}"

    @property
    def depth(self) -> int:
        """The number of tokens in the key-value cache when an inference begins."""
        return self.tokens if self.kind is PhaseKind.DECODE else 0

    @property
    def processed(self) -> int:
        """The number of tokens that one inference processes."""
        return self.tokens if self.kind is PhaseKind.PREFILL else 1
