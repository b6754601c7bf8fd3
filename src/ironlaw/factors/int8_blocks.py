"""int8-blocks: which part of a network becomes int8, where its modules are quantized by torch.fx."""

from __future__ import annotations

from collections.abc import Iterable

from ironlaw.factor import ActsOn, Factor

ALL, NONE, ONLY, BUT = "all", "none", "only:", "but:"
_BETWEEN = ":"  # a module's path may hold dots; commas and + part arms and their factors


class Int8Blocks(Factor):
    """`only:PATH` leaves everything else in float, `but:PATH` that one module; `all` and `none` are their references.

    Several modules are behind each other: `but:features.1:features.2`. Plain (`written`) quantizes as the model's
    author marked it. All other levels trace the model, so that they differ in nothing but which modules have an int8
    form; quantize and dequantize are wherever the format changes.
    """

    name = "int8-blocks"
    summary = "the modules that become int8"
    plain = "written"
    levels = ("written", ALL, NONE, "only:PATH", "but:PATH")
    shapes_model = True
    acts_on = ActsOn.ENGINE
    may_move = "conversions at the border of the block, and what can be fused across it"

    def accepts(self, level: str) -> bool:
        """The fixed levels, and modules' paths behind only: or but:."""
        return level in ("written", ALL, NONE) or (bool(paths_of(level)) and all(paths_of(level)))

    def remedy(self, level: str) -> str:
        """Of what one would deploy: some modules left in float. The rest are references and single flips."""
        if not level.startswith(BUT):
            return ""
        left = ", ".join(paths_of(level))
        return f"leave {left} in float: set_module_name(path, None) on the QConfigMapping that prepare_fx takes"


def leaving_float(paths: Iterable[str]) -> str:
    """The level that has all in int8 but the modules of these paths."""
    return BUT + _BETWEEN.join(paths)


def paths_of(level: str) -> tuple[str, ...]:
    """The modules that a level names."""
    for lead in (ONLY, BUT):
        if level.startswith(lead):
            return tuple(level.removeprefix(lead).split(_BETWEEN))
    return ()


FACTOR = Int8Blocks()
