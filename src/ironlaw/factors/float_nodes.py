"""float-nodes: the quantized nodes of a file that compute in float instead."""

from __future__ import annotations

from collections.abc import Sequence

from ironlaw.factor import ActsOn, Factor

_BETWEEN = ":"  # names may hold dots and slashes; commas and + part arms and their factors
_WITHIN = "::"  # as of torch's operators


class FloatNodes(Factor):
    """NODE leaves the node of that name in float; separate several by colons. Quantize-dequantize pairs around it
    stay.
    """

    name = "float-nodes"
    summary = "the nodes of the file that compute in float instead"
    plain = "none"
    levels = ("none", "NODE")
    shapes_model = True
    of_int8 = True
    acts_on = ActsOn.ENGINE
    may_move = "conversions at the border of the node, and what is fused with its neighbours"

    def accepts(self, level: str) -> bool:
        """Accept names of nodes separated by colons; a double colon is part of a name."""
        return all(level.replace(_WITHIN, "").split(_BETWEEN))

    def leaving(self, names: Sequence[str]) -> str:
        """Their names, with colons between."""
        return _BETWEEN.join(names)

    def left_by(self, level: str) -> tuple[str, ...]:
        """The names between the colons; two colons in a row are part of a name."""
        if level == self.plain:
            return ()
        return tuple(name.replace("\0", _WITHIN) for name in level.replace(_WITHIN, "\0").split(_BETWEEN))

    def remedy(self, level: str) -> str:
        """Exclude those nodes from quantization."""
        return (
            ""
            if level == self.plain
            else f"quantize_static(..., nodes_to_exclude={list(self.left_by(level))}), and sessions with "
            'disabled_optimizers=["WeightBiasQuantization"]'
            " (NNCF: IgnoredScope(names=...))"
        )


FACTOR = FloatNodes()
