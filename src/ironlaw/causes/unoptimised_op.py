"""unoptimised-op: a quantized operator runs scalar code."""

from __future__ import annotations

from ironlaw.cause import Cause, Part


class UnoptimisedOp(Cause):
    """A quantized operator runs scalar code."""

    slug = "unoptimised-op"
    title = "an unoptimised operator"
    mechanism = "a quantized operator runs scalar code"
    part = Part.SLOWER
    order = 400
    example = "an int8 add or softmax is high in the ledger"


CAUSE = UnoptimisedOp()
