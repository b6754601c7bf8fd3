"""plugin.*: options of OpenVINO's CPU plugin for compiling a model; not part of the model."""

from __future__ import annotations

from ironlaw.factor import ActsOn, Factor


class DynamicQuantization(Factor):
    """own is the plugin's default group of 32; off multiplies in float. A number is the number of activations that
    share a scale.
    """

    name = "plugin.dynamic-quantization"
    summary = "whether OpenVINO multiplies activations by compressed weights in int8, quantized at each call"
    plain = "own"
    levels = ("own", "off", "64", "128")
    acts_on = ActsOn.ENGINE
    may_move = "the answers by rounding"

    def accepts(self, level: str) -> bool:
        """Accept any positive group of at most five digits, too."""
        return level in self.levels or (level.isdecimal() and len(level) <= 5 and int(level) > 0)

    def remedy(self, level: str) -> str:
        """The property of the compiled model."""
        if level == self.plain:
            return ""
        return f"compile with DYNAMIC_QUANTIZATION_GROUP_SIZE={0 if level == 'off' else level}"


class LowPrecision(Factor):
    """off executes the model without conversion to int8: FakeQuantize around float operators."""

    name = "plugin.low-precision"
    summary = "whether OpenVINO turns FakeQuantize and what is between into int8 operators"
    plain = "on"
    levels = ("on", "off")
    acts_on = ActsOn.ENGINE
    may_move = "which operators compute in int8, and so the answers by rounding"


class PluginPrecision(Factor):
    """own follows the arm's precision: float32 by default, also for the float operators of int8 arms."""

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
    """off runs every elementwise operator in a kernel of its own, or fused into the product before it."""

    name = "plugin.snippets"
    summary = "whether OpenVINO generates one kernel for neighbouring elementwise operators"
    plain = "on"
    levels = ("on", "off")
    acts_on = ActsOn.ENGINE
    may_move = "operator count, and what is fused into products"


FACTORS = (DynamicQuantization(), LowPrecision(), PluginPrecision(), Snippets())
