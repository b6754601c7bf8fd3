"""A gate: rules that a recording must satisfy, and the outcome of each."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import Enum

from ironlaw.causes import CAUSES
from ironlaw.errors import BadInput, offer_closest
from ironlaw.estimate import Estimate
from ironlaw.missing import Maybe


class Quantity(Enum):
    """The quantity that a rule limits."""

    TIME = "time"
    INSTRUCTIONS = "instructions"
    CAUSE = "cause"


_LIMIT = re.compile(r"(?P<quantity>time|instructions)\s*>\s*(?P<percent>[+-]?\d+(?:\.\d+)?)\s*%")
_CAUSE = re.compile(r"cause\s*:\s*(?P<cause>[a-z0-9-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule: the gate fails if time or instructions grow beyond `limit_ln`, or if a cause's part changes.

    `limit_ln` is in ln units, positive for more time or more instructions; 0 for a cause.
    """

    text: str
    quantity: Quantity
    limit_ln: float = 0.0
    cause: str = ""

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Parse a rule: time>+3%, instructions>+1%, cause:page-faults.

        Raises:
            BadInput: it has another form, or names a cause that is not in the catalogue.
        """
        if limit := _LIMIT.fullmatch(text.strip()):
            fraction = float(limit["percent"]) / 100
            if -1 < fraction < math.inf:
                return cls(text=text.strip(), quantity=Quantity(limit["quantity"]), limit_ln=math.log1p(fraction))
        if cause := _CAUSE.fullmatch(text.strip()):
            if cause["cause"] not in CAUSES:
                raise BadInput(f"{cause['cause']!r} is no cause", hint=offer_closest(cause["cause"], list(CAUSES)))
            return cls(text=text.strip(), quantity=Quantity.CAUSE, cause=cause["cause"])
        raise BadInput(
            f"{text!r} is not a rule",
            hint="for example --fail-if 'time>+3%', 'instructions>+1%' or 'cause:page-faults'",
        )


class Ruling(Enum):
    """The outcome of a rule on one arm."""

    HELD = "held"  # the interval lies on the right side of the limit
    OPEN = "open"  # the interval holds both sides: nothing is shown, and nothing fails
    BROKEN = "broken"
    UNKNOWN = "unknown"  # what the rule needs was not measured: not a pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A rule applied to one arm.

    `change_ln` is the growth, in ln units, of the arm's time relative to its control, of its instructions, or of a
    cause's effect, with the interval it was judged by. `reason` is why it is Missing, or how a verdict changed.
    """

    rule: Rule
    arm: str
    ruling: Ruling
    change_ln: Maybe[Estimate]
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """All judgements, and how they were made."""

    control: str
    is_raw_clock: bool  # an arm's own times were compared, not its times relative to the control
    is_single: bool  # one recording: arms against their control, not a new recording against an old one
    confidence: float  # of each interval, so that all of them together hold at 95 %
    judgements: tuple[Judgement, ...]
    has_several_controls: bool = False  # one at each point that is varied, or in each phase; `control` is the first

    def has(self, ruling: Ruling) -> bool:
        """Whether any rule has this outcome."""
        return any(judgement.ruling is ruling for judgement in self.judgements)
