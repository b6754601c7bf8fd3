"""plugin.*: what OpenVINO's CPU plugin is asked to do when it compiles a model; not part of the model."""

from __future__ import annotations

from ironlaw.factor import ActsOn, Factor


class DynamicQuantization(Factor):
    """own is the plugin's own group of 32; off multiplies in float. A number is how many activations share a scale."""

    name = "plugin.dynamic-quantization"
    summary = "whether OpenVINO multiplies activations by compressed weights in int8, quantized at each call"
    plain = "own"
    levels = ("own", "off", "64", "128")
    acts_on = ActsOn.ENGINE
    may_move = "the answers by rounding"

    def accepts(self, level: str) -> bool:
        """Also any group above zero, of at most five digits."""
        return level in self.levels or (level.isdecimal() and len(level) <= 5 and int(level) > 0)

    def remedy(self, level: str) -> str:
        """The property of the compiled model."""
        if level == self.plain:
            return ""
        return f"compile with DYNAMIC_QUANTIZATION_GROUP_SIZE={0 if level == 'off' else level}"


class LowPrecision(Factor):
    """off executes the model as its file has it: FakeQuantize around float operators."""

    name = "plugin.low-precision"
    summary = "whether OpenVINO turns FakeQuantize and what is between into int8 operators"
    plain = "on"
    levels = ("on", "off")
    acts_on = ActsOn.ENGINE
    may_move = "which operators compute in int8, and so the answers by rounding"


class PluginPrecision(Factor):
    """own is what the arm's precision says: float32 where it says nothing, also beside int8 operators."""

    name = "plugin.precision"
    summary = "the number format of what OpenVINO does not compute in int8"
    plain = "own"
    levels = ("own", "f32", "bf16", "f16")
    acts_on = ActsOn.ENGINE
    may_move = "the answers by rounding, and which kernels are picked"

    def remedy(self, level: str) -> str:
        """The property of the compiled model."""
        return "" if level == self.plain else f"compile with INFERENCE_PRECISION_HINT={level}"


class Snippets(Factor):
    """off runs every elementwise operator by a kernel of its own, or as part of the product before it."""

    name = "plugin.snippets"
    summary = "whether OpenVINO generates one kernel for neighbouring elementwise operators"
    plain = "on"
    levels = ("on", "off")
    acts_on = ActsOn.ENGINE
    may_move = "operator count, and what is fused into products"


FACTORS = (DynamicQuantization(), LowPrecision(), PluginPrecision(), Snippets())
