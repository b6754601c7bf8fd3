"""constant-input: ones or zeros reward sparsity, prediction and avoid denormals."""

from __future__ import annotations

from ironlaw.cause import Cause, Part, noted_if
from ironlaw.concern import Concern
from ironlaw.experiment import Switch
from ironlaw.factor import Direction
from ironlaw.observed import Observed


class ConstantInput(Cause):
    """Ones or zeros reward sparsity, prediction and avoid denormals."""

    slug = "constant-input"
    title = "constant input"
    mechanism = "ones or zeros reward sparsity, prediction and avoid denormals"
    part = Part.FALSE_CONCLUSION
    order = 70
    example = "`ironlaw run --arms fp32+input=ones,fp32+input=random`: what feeding `torch.ones` is worth"
    check = "constant_input"
    if_none = "its inputs are not constant"
    switches = (Switch(cause=slug, factor="input", level="random", predicts=Direction.SLOWER),)
    factors = ("input",)

    def concern(self, arm: Observed, cost: str) -> Concern | None:
        """The arm may be fast for this input alone."""
        if not self.shows(arm):
            return None
        return Concern(
            slug=self.slug,
            text=f"gets constant inputs{cost}; its speed may be a special case",
            fix="use real inputs: return them from the factory, or give them by --inputs or --images",
            arm=arm.arm.name,
            weight=noted_if(arm.level("input") == "ones"),
        )


CAUSE = ConstantInput()
