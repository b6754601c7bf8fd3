"""reference-kernel: a shape falls outside the fast path of the library."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.experiment import Switch
from ironlaw.missing import Maybe
from ironlaw.observed import Observed


class ReferenceKernel(Cause):
    """A shape falls outside the fast path of the library."""

    slug = "reference-kernel"
    title = "a reference kernel"
    mechanism = "a shape falls outside the fast path of the library"
    part = Part.SLOWER
    order = 200
    example = (
        "one layer of the ledger takes most of the time, at far above one instruction per MAC. Run with `--arms "
        "fp32,int8+fused`, the EfficientNet-lite0 of tests/models/pretrained.py took 259 ms in int8 and 27.7 ms in "
        "float; with its 14 depth-wise convolutions that FBGEMM has no fast kernel for (it pads outside of them) "
        "written densely, at many times the arithmetic, it ran 3.07× [3.03, 3.12] faster. With `quantized-"
        "engine=onednn`, which has the kernel, int8 took 17.2 ms"
    )
    counted_in = "convolutions outside the fast path"
    switches = (Switch(cause=slug, factor="convolution", level="dense"),)
    factors = ("convolution",)

    def shows(self, arm: Observed) -> bool:
        """A convolution has a shape that its library has no fast kernel for."""
        return arm.census.get("sparse_convolutions", 0.0) > 0

    def burden(self, arm: Observed) -> Maybe[float]:
        """How many have."""
        return arm.census.get("sparse_convolutions", 0.0)

    def excludes(self, arm: Observed) -> str:
        """None has."""
        none = "sparse_convolutions" in arm.census and not self.shows(arm)
        return "no convolution of it lacks a fast kernel that we know of" if none else ""


CAUSE = ReferenceKernel()
