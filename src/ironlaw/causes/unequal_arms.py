"""unequal-arms: the arms differ in more than what is being compared."""

from __future__ import annotations

from ironlaw.cause import Cause, Part


class UnequalArms(Cause):
    """The arms differ in more than what is being compared."""

    slug = "unequal-arms"
    title = "unequal arms"
    mechanism = "the arms differ in more than what is being compared"
    part = Part.FALSE_CONCLUSION
    order = 50
    example = (
        "`ironlaw run --arms fp32,int8@compiled`: precision and engine both differ, so neither is named as the cause "
        "alone"
    )


CAUSE = UnequalArms()
