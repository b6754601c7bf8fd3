"""signedness: the sign and zero point of the operands cost extra instructions."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.experiment import Switch
from ironlaw.factor import Direction


class Signedness(Cause):
    """The sign and zero point of the operands cost extra instructions."""

    slug = "signedness"
    title = "signedness"
    mechanism = "the sign and zero point of the operands cost extra instructions"
    part = Part.SLOWER
    order = 420
    example = "`ironlaw run --arms int8@onnxruntime,int8@onnxruntime+quantization.signs=s8s8`"
    other_levels = (Switch(cause=slug, factor="quantization.signs", level="s8s8", predicts=Direction.SLOWER),)


CAUSE = Signedness()
