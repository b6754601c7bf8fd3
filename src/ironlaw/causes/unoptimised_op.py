"""unoptimised-op: a quantized operator runs scalar code."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.code import InstructionClass
from ironlaw.explanation.account import Category
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, Missing
from ironlaw.observed import Observed

LEAST_SHARE = 0.1  # of the time: the last elements of a vector loop are computed one by one too
# What works on numbers one by one; products in scalars are a reference kernel.
_BETWEEN_PRODUCTS = (Category.ELEMENTWISE, Category.NORMALIZATION, Category.QUANTIZE)


class UnoptimisedOp(Cause):
    """A quantized operator runs scalar code."""

    slug = "unoptimised-op"
    title = "an unoptimised operator"
    mechanism = "a quantized operator runs scalar code"
    part = Part.SLOWER
    order = 400
    example = (
        "an int8 add or softmax is high in the ledger, and its code, shown by `ironlaw layers FILE --code`, is scalar. "
        "Eager PyTorch adds int8 tensors of unlike layouts one number at a time: after `conv1d`, whose output is "
        "channels-last, such an addition to a tensor that is not took 0.28 ms, and 0.008 ms in float"
    )

    def consistent(self, arm: Observed, machine: Maybe[Machine]) -> str:
        """An int8 arm works on single numbers between its products."""
        if isinstance(arm.executed, Missing) or not arm.computes_int8:
            return ""
        names: dict[str, float] = {}
        for code, share in arm.executed.code:
            if code.instructions is InstructionClass.SCALAR and code.category in _BETWEEN_PRODUCTS:
                names[code.name] = names.get(code.name, 0.0) + share
        scalar = sum(names.values())
        if scalar < LEAST_SHARE:
            return ""
        most = max(names, key=lambda name: names[name])
        return (
            f"{arm.arm.name} computes one number at a time, outside of products, for {100 * scalar:.0f} % of its time "
            f"(most of it in {most})"
        )


CAUSE = UnoptimisedOp()
