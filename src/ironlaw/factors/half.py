"""half: the width of numbers that a file stores in float16."""

from __future__ import annotations

from ironlaw.factor import ActsOn, Factor


class Half(Factor):
    """widened: every float16 number inside the file in 32 bits; inputs and outputs stay float16."""

    name = "half"
    summary = "the width of numbers that the file keeps in float16"
    plain = "own"
    levels = ("own", "widened")
    shapes_model = True
    acts_on = ActsOn.ENGINE
    may_move = "bytes of weights and activations, and the answers by rounding"

    def remedy(self, level: str) -> str:
        """The float32 file."""
        return "" if level == self.plain else "run the float32 file: this engine has no float16 kernels for this CPU"


FACTOR = Half()
