"""What the doctor found about a machine: a state, what it costs, and what brings it back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Health(Enum):
    """How things are for measuring."""

    GOOD = "good"
    COSTS = "costs"  # something is lost or blurred; `cost` says what
    UNKNOWN = "unknown"  # this machine does not report it


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at; `fix` is a command, or advice where there is none."""

    topic: str
    state: Health
    text: str
    cost: str = ""
    fix: str = ""

    def __post_init__(self) -> None:
        if self.state is Health.COSTS and not (self.cost and self.fix):
            raise ValueError(f"a finding that costs something says what, and what to do: {self}")
