"""float-nodes: the nodes of a file that compute in float instead."""

from __future__ import annotations

from ironlaw.factor import ActsOn, Factor

_BETWEEN = ":"  # names may hold dots and slashes; commas and + part arms and their factors


class FloatNodes(Factor):
    """NODE leaves the node of that name in float; several by colons. Between quantize-dequantize pairs these stay."""

    name = "float-nodes"
    summary = "the nodes of the file that compute in float instead"
    plain = "none"
    levels = ("none", "NODE")
    shapes_model = True
    acts_on = ActsOn.ENGINE
    may_move = "conversions at the border of the node, and what is fused with its neighbours"

    def accepts(self, level: str) -> bool:
        """Names of nodes, with colons between."""
        return all(level.split(_BETWEEN))

    def remedy(self, level: str) -> str:
        """Those nodes left out of quantization."""
        return "" if level == self.plain else f"quantize with nodes_to_exclude=[{level.replace(_BETWEEN, ', ')}]"


FACTOR = FloatNodes()
