"""simulated-quantization: quantize and dequantize surround float kernels."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.concern import Concern, Weight
from ironlaw.observed import Observed


class SimulatedQuantization(Cause):
    """Quantize and dequantize surround float kernels."""

    slug = "simulated-quantization"
    title = "simulated quantization"
    mechanism = "quantize and dequantize surround float kernels"
    part = Part.FALSE_CONCLUSION
    order = 90
    example = "the census shows quantize and dequantize around float kernels"

    def concern(self, arm: Observed, cost: str) -> Concern | None:
        """It rounds in float, as one does to train for int8."""
        simulating = arm.census.get("fake_quantize_operators", 0.0)
        if not simulating:
            return None
        return Concern(
            slug=self.slug,
            text=(
                f"executes {simulating:.0f} fake-quantize operators: "
                "it simulates int8 in float and is slower than float"
            ),
            fix="convert the prepared model (torch.ao.quantization.convert, or lower it with the engine's compiler)",
            arm=arm.arm.name,
            weight=Weight.INVALIDATES,
        )


CAUSE = SimulatedQuantization()
