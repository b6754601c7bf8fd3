"""accuracy-level: what MatMulNBits may round its activations to."""

from __future__ import annotations

from ironlaw.factor import ActsOn, Factor


class AccuracyLevel(Factor):
    """4 multiplies in int8, 1 in float32, 2 in float16, 3 in bfloat16, 0 as the engine likes."""

    name = "accuracy-level"
    summary = "what MatMulNBits may round its activations to"
    plain = "own"
    levels = ("own", "0", "1", "2", "3", "4")
    shapes_model = True
    acts_on = ActsOn.ENGINE
    may_move = "the answers by rounding; the layout that weights are packed in"

    def remedy(self, level: str) -> str:
        """The quantizer's argument that sets the level."""
        return "" if level == self.plain else f"quantize with accuracy_level={level}"


FACTOR = AccuracyLevel()
