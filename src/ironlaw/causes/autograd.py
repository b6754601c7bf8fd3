"""autograd: the float arm records a graph for gradients; the int8 arm cannot."""

from __future__ import annotations

from ironlaw.cause import Cause, Part, noted_if
from ironlaw.concern import Concern
from ironlaw.experiment import Switch
from ironlaw.observed import Observed


class Autograd(Cause):
    """The float arm records a graph for gradients; the int8 arm cannot."""

    slug = "autograd"
    title = "autograd"
    mechanism = "the float arm records a graph for gradients; the int8 arm cannot"
    part = Part.FALSE_CONCLUSION
    order = 20
    example = "`ironlaw run --arms fp32+grad=on,fp32+grad=off`: recording a graph is worth that much here"
    check = "records_graph"
    if_none = "it records no graph"
    switches = (Switch(cause=slug, factor="grad", level="off"),)
    other_levels = (Switch(cause=slug, factor="grad", level="on", adds=True),)
    factors = ("grad",)

    def concern(self, arm: Observed, cost: str) -> Concern | None:
        """The arm pays for gradients that are never computed."""
        if not self.shows(arm):
            return None
        return Concern(
            slug=self.slug,
            text=f"records a graph for gradients at every inference{cost}",
            fix="infer under torch.inference_mode()",
            arm=arm.arm.name,
            weight=noted_if(arm.level("grad") == "on"),
        )


CAUSE = Autograd()
