"""train-mode: BatchNorm computes batch statistics and dropout runs in one arm."""

from __future__ import annotations

from ironlaw.cause import Cause, Part, noted_if
from ironlaw.concern import Concern
from ironlaw.experiment import Switch
from ironlaw.observed import Observed


class TrainMode(Cause):
    """BatchNorm computes batch statistics and dropout runs in one arm."""

    slug = "train-mode"
    title = "training mode"
    mechanism = "BatchNorm computes batch statistics and dropout runs in one arm"
    part = Part.FALSE_CONCLUSION
    order = 10
    example = (
        "`ironlaw run --arms fp32+mode=train,int8`: the float arm of the blog post; its eval twin is run and the "
        "difference is named first"
    )
    check = "training"
    if_none = "no layer of it runs in training mode"
    switches = (Switch(cause=slug, factor="mode", level="eval"),)
    other_levels = (Switch(cause=slug, factor="mode", level="train", adds=True),)
    factors = ("mode",)

    def concern(self, arm: Observed, cost: str) -> Concern | None:
        """The arm infers as one would train."""
        if not self.shows(arm):
            return None
        return Concern(
            slug=self.slug,
            text=f"runs in train mode: {_training(arm.training_layers)}{cost}",
            fix="call module.eval() before inferring",
            arm=arm.arm.name,
            weight=noted_if(arm.level("mode") == "train"),
        )


CAUSE = TrainMode()


def _training(layers: tuple[str, ...]) -> str:
    if not layers:
        return "BatchNorm uses batch statistics, dropout drops"
    if len(layers) == 1:
        return f"{layers[0]} runs in training mode"
    return f"{len(layers)} of its layers run in training mode, the first {layers[0]}"
