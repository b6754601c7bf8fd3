"""int8-blocks: which part of a network becomes int8, where its modules are quantized by torch.fx."""

from __future__ import annotations

from ironlaw.factor import Factor

ONLY, BUT = "only:", "but:"


class Int8Blocks(Factor):
    """`only:PATH` leaves everything else in float, `but:PATH` that one module; `all` and `none` are their references.

    Plain (`written`) quantizes as the model's author marked it. All other levels trace the model, so that they differ
    in nothing but which modules have an int8 form; quantize and dequantize stand wherever the format changes.
    """

    name = "int8-blocks"
    summary = "the modules that become int8"
    plain = "written"
    levels = ("written", "all", "none", "only:PATH", "but:PATH")
    shapes_model = True
    engines = ("eager",)
    may_move = "conversions at the border of the block, and what can be fused across it"

    def accepts(self, level: str) -> bool:
        """The fixed levels, and a module's path behind only: or but:."""
        for lead in (ONLY, BUT):
            if level.startswith(lead):
                return bool(level.removeprefix(lead))
        return level in ("written", "all", "none")


FACTOR = Int8Blocks()
