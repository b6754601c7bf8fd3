"""exception-unwinding: C++ exceptions unwind the stack in each call."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.explanation.account import Category
from ironlaw.machine import Machine
from ironlaw.missing import Maybe
from ironlaw.observed import Observed

LEAST_SHARE = 0.02  # of the time: less is no reason for a difference that anybody looks into


class ExceptionUnwinding(Cause):
    """C++ exceptions unwind the stack in each call."""

    slug = "exception-unwinding"
    title = "C++ exceptions"
    mechanism = "C++ exceptions unwind the stack in each call"
    part = Part.SLOWER
    order = 405
    example = (
        "`ironlaw layers FILE --code` shows the time spent unwinding: 4.5 % of an eager int8 MobileNetV2, whose "
        "quantized convolutions look for a method that is not there"
    )
    located_in = (Category.EXCEPTIONS,)

    def consistent(self, arm: Observed, machine: Maybe[Machine]) -> str:
        """Samples fall into the unwinder."""
        share = arm.share_of(Category.EXCEPTIONS)
        return f"{arm.arm.name} unwinds C++ exceptions for {share:.1%} of its time" if share >= LEAST_SHARE else ""


CAUSE = ExceptionUnwinding()
