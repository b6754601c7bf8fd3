"""fusion: Conv+BatchNorm(+ReLU) as one operator."""

from __future__ import annotations

from typing import ClassVar

from ironlaw.factor import ActsOn, Factor


class Fusion(Factor):
    """Whether BatchNorm (and, in int8, ReLU) is folded into the convolution before it."""

    name = "fusion"
    summary = "Conv+BN(+ReLU) folded into one operator"
    plain = "none"
    levels = ("none", "fused")
    alone: ClassVar = {"fused": "fused"}
    remedies: ClassVar = {
        "none": "leave layers apart",
        "fused": "fuse Conv+BN(+ReLU): torch.ao.quantization.fuse_modules, or torch.fx.experimental.optimization.fuse",
    }
    shapes_model = True
    acts_on = ActsOn.ENGINE
    may_move = "operator count, intermediate stores, and the rounding of the folded weights"


FACTOR = Fusion()
