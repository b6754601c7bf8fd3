"""float-ops: the types of quantized operators that compute in float instead."""

from __future__ import annotations

from ironlaw.factor import ActsOn, Factor

_BETWEEN = ":"  # names may hold dots and slashes; commas and + part arms and their factors


class FloatOperators(Factor):
    """OPERATOR leaves every operator of that type in float (ConvInteger, ConvolutionBackpropData); separate several by
    colons.

    The float form has the dequantized weights. The operators around it that quantize its input and scale its result are
    removed with it.
    """

    name = "float-ops"
    summary = "the types of quantized operators that compute in float instead"
    plain = "none"
    levels = ("none", "OPERATOR")
    shapes_model = True
    acts_on = ActsOn.ENGINE
    may_move = "conversions around the operator, bytes of weights, what is fused with its neighbours"

    def accepts(self, level: str) -> bool:
        """Accept names of operator types separated by colons."""
        return level == self.plain or all(name.isidentifier() for name in level.split(_BETWEEN))

    def remedy(self, level: str) -> str:
        """Exclude those types from quantization."""
        if level == self.plain:
            return ""
        kinds = level.replace(_BETWEEN, " or ")
        return f"leave what becomes {kinds} out of quantization (op_types_to_quantize; NNCF: IgnoredScope(types=...))"


FACTOR = FloatOperators()
