"""exception-unwinding: C++ exceptions unwind the stack in each call."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.explanation.account import Category


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
    does = "unwinds C++ exceptions"
    least_share = 0.02  # less is no reason for a difference that matters


CAUSE = ExceptionUnwinding()
