"""int8-blocks: which part of a network becomes int8, for modules quantized by torch.fx."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ironlaw.factor import ActsOn, Factor

ALL, NONE, ONLY, BUT = "all", "none", "only:", "but:"
_BETWEEN = ":"  # a module's path may hold dots; commas and + part arms and their factors


class Int8Blocks(Factor):
    """`only:PATH` leaves everything else in float, `but:PATH` that one module; `all` and `none` are their references.

    Separate several modules by colons: `but:features.1:features.2`. Plain (`written`) quantizes what the model's author
    marked. All other levels trace the model, so that they differ only in which modules are int8; quantize and
    dequantize are wherever the format changes.
    """

    name = "int8-blocks"
    summary = "the modules that become int8"
    plain = "written"
    levels = ("written", ALL, NONE, "only:PATH", "but:PATH")
    shapes_model = True
    of_int8 = True
    acts_on = ActsOn.ENGINE
    may_move = "conversions at the border of the block, and what can be fused across it"

    def accepts(self, level: str) -> bool:
        """Accept the fixed levels, and modules' paths after only: or but:."""
        return level in ("written", ALL, NONE) or (bool(paths_of(level)) and all(paths_of(level)))

    def leaving(self, names: Sequence[str]) -> str:
        """All in int8 but the modules of these paths."""
        return leaving_float(names)

    def left_by(self, level: str) -> tuple[str, ...]:
        """The paths after but:."""
        return paths_of(level) if level.startswith(BUT) else ()

    def remedy(self, level: str) -> str:
        """Given for levels that leave some modules in float; the others are references and single flips, not for
        deployment.
        """
        if not level.startswith(BUT):
            return ""
        left = ", ".join(paths_of(level))
        return f"leave {left} in float: set_module_name(path, None) on the QConfigMapping that prepare_fx takes"


def leaving_float(paths: Iterable[str]) -> str:
    """The level with all modules in int8 except these."""
    return BUT + _BETWEEN.join(paths)


def paths_of(level: str) -> tuple[str, ...]:
    """The modules that a level names."""
    for lead in (ONLY, BUT):
        if level.startswith(lead):
            return tuple(level.removeprefix(lead).split(_BETWEEN))
    return ()


FACTOR = Int8Blocks()
