"""not-quantized: float kernels are compared with float kernels."""

from __future__ import annotations

import re

from ironlaw.cause import Cause, Part
from ironlaw.concern import Concern, Weight
from ironlaw.missing import Missing
from ironlaw.observed import Observed
from ironlaw.variant import GIVEN, PRECISION

CLAIMS_INT8 = re.compile(r"int8|quant|\bq8\b", re.IGNORECASE)


class NotQuantized(Cause):
    """Float kernels are compared with float kernels."""

    slug = "not-quantized"
    title = "a model that is not quantized"
    mechanism = "float kernels are compared with float kernels"
    part = Part.FALSE_CONCLUSION
    order = 80
    example = "the census of what was executed holds no int8 operator, or the outputs are the control's bit for bit"

    def concern(self, arm: Observed, cost: str) -> Concern | None:
        """It is called int8, and executed none."""
        if not claims_int8(arm) or arm.computes_int8 or arm.census.get("fake_quantize_operators", 0.0) > 0:
            return None
        same = "; its outputs equal the control's, bit for bit" if arm.answers_as_control else ""
        return Concern(
            slug=self.slug,
            text=f"is called int8 and {_what_ran(arm)}{same}",
            fix="check the conversion: were the modules prepared, and does this engine have int8 kernels for them?",
            arm=arm.arm.name,
            weight=Weight.INVALIDATES,
        )


def _what_ran(arm: Observed) -> str:
    said = "executed no int8 operator" if "int8_operators" in arm.census else "computed in floating point"
    if arm.integer_share is None or isinstance(arm.executed, Missing):
        return said
    both = arm.executed.integer_samples + arm.executed.float_samples
    return f"{said}: of {both} samples that multiply and add, {arm.executed.integer_samples} do so in integers"


CAUSE = NotQuantized()


def claims_int8(arm: Observed) -> bool:
    """Whether it is called int8, by its precision or a user's name, and its operators or its samples are known.

    int8-weights computes in float on purpose.
    """
    level = arm.level(PRECISION)
    is_named = level in ("int8", "int8-dynamic") or (level == GIVEN and bool(CLAIMS_INT8.search(arm.arm.name)))
    return is_named and ("int8_operators" in arm.census or arm.integer_share is not None)
