"""A finding about a machine: its state, what it costs, and how to fix it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Health(Enum):
    """How well something is suited to measuring."""

    GOOD = "good"
    COSTS = "costs"  # something is lost or blurred; `cost` says what
    UNKNOWN = "unknown"  # this machine does not report it


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check; `fix` is a command or, if there is none, advice."""

    topic: str
    state: Health
    text: str
    cost: str = ""
    fix: str = ""

    def __post_init__(self) -> None:
        if self.state is Health.COSTS and not (self.cost and self.fix):
            raise ValueError(f"a finding that costs something says what, and what to do: {self}")
