"""nncf.*: options of NNCF, by which OpenVINO's models become int8."""

from __future__ import annotations

from typing import ClassVar

from ironlaw.factor import ActsOn, Factor

_LONGEST = 6  # digits and point of a level that is a number


def _is_share(level: str) -> bool:
    """Whether a level is a number between 0 and 1, as 0.99."""
    digits = level.replace(".", "", 1)
    return digits.isdecimal() and digits.isascii() and len(level) <= _LONGEST and 0 <= float(level) <= 1


class Ranges(Factor):
    """Plain is NNCF's own choice: the mean over inputs of their smallest and largest values.

    minmax takes the smallest and largest value of all inputs, quantile the mean over inputs of their 0.01 % and 99.99 %
    quantiles, histogram the range that loses least by rounding and clipping together.
    """

    name = "nncf.ranges"
    summary = "how NNCF finds a range of activations"
    plain = "own"
    levels = ("own", "minmax", "quantile", "histogram")
    remedies: ClassVar = {
        level: f"nncf.quantize with RangeEstimatorParametersSet.{called} for activations_range_estimator_params"
        for level, called in (("minmax", "MINMAX"), ("quantile", "MEAN_QUANTILE"), ("histogram", "HISTOGRAM"))
    }
    shapes_model = True
    of_int8 = True
    acts_on = ActsOn.ENGINE
    may_move = "the answers; not the kernels"


class BiasCorrection(Factor):
    """Biases make up for the mean of what rounding adds to a layer: by its own error (fast), or by that of all layers
    before it as well (full), which takes longer to prepare.
    """

    name = "nncf.bias-correction"
    summary = "how NNCF corrects biases for the mean error of int8"
    plain = "fast"
    levels = ("fast", "full", "off")
    remedies: ClassVar = {
        "full": "nncf.quantize with fast_bias_correction=False",
        "off": "nncf.quantize with AdvancedQuantizationParameters(disable_bias_correction=True)",
    }
    shapes_model = True
    of_int8 = True
    acts_on = ActsOn.ENGINE
    may_move = "the answers; not the kernels"


class SmoothQuant(Factor):
    """A number moves the range of activations into the weights, all of it at 1, before products and convolutions.

    Plain is NNCF's choice: 0.95 for matrix products of transformers, and none for other models.
    """

    name = "nncf.smooth-quant"
    summary = "the share of the range of activations that NNCF moves into the weights"
    plain = "own"
    levels = ("own", "off", "0.5")
    shapes_model = True
    of_int8 = True
    acts_on = ActsOn.ENGINE
    may_move = "the answers; a multiplication before a layer whose input no other operator can scale"

    def accepts(self, level: str) -> bool:
        """Accept any share, too."""
        return level in self.levels or _is_share(level)

    def remedy(self, level: str) -> str:
        """The argument of nncf.quantize."""
        if level == self.plain:
            return ""
        alpha = "-1" if level == "off" else level
        return f"nncf.quantize with AdvancedSmoothQuantParameters(convolution={alpha}, matmul={alpha})"


class Preset(Factor):
    """performance has symmetric ranges of activations, mixed has asymmetric ones, which lose less where values have one
    sign. Plain is NNCF's choice: mixed for transformers, otherwise performance.
    """

    name = "nncf.preset"
    summary = "whether ranges of activations are symmetric"
    plain = "own"
    levels = ("own", "performance", "mixed")
    remedies: ClassVar = {
        "performance": "nncf.quantize with preset=nncf.QuantizationPreset.PERFORMANCE",
        "mixed": "nncf.quantize with preset=nncf.QuantizationPreset.MIXED",
    }
    shapes_model = True
    of_int8 = True
    acts_on = ActsOn.ENGINE
    may_move = "the answers; the kernels, which subtract a zero point"


class WeightGranularity(Factor):
    """Plain is a scale per output channel."""

    name = "nncf.granularity"
    summary = "what shares one scale of int8 weights"
    plain = "channel"
    levels = ("channel", "tensor")
    remedies: ClassVar = {"tensor": "nncf.quantize with QuantizationParameters(per_channel=False) for weights"}
    shapes_model = True
    of_int8 = True
    acts_on = ActsOn.ENGINE
    may_move = "the answers"


class OverflowFix(Factor):
    """Plain quantizes the weights of the first convolutions to half of the range of int8, as NNCF does by default, and
    all does so for every layer: CPUs without VNNI add two products of int8 in 16 bits, which may overflow. off uses the
    whole range, which halves the rounding of those weights.
    """

    name = "nncf.overflow-fix"
    summary = "which weights NNCF quantizes to half of the range, for CPUs without VNNI"
    plain = "first-layer"
    levels = ("first-layer", "off", "all")
    remedies: ClassVar = {
        level: f"nncf.quantize with AdvancedQuantizationParameters(overflow_fix=OverflowFix.{called})"
        for level, called in (("off", "DISABLE"), ("all", "ENABLE"))
    }
    shapes_model = True
    of_int8 = True
    acts_on = ActsOn.ENGINE
    may_move = "the answers; not the kernels"


class AccuracyControl(Factor):
    """A number is the least agreement with the float model that NNCF accepts: it leaves operators in float, those that
    lower agreement most first, until the inputs to choose by agree as far.
    """

    name = "nncf.accuracy-control"
    summary = "the agreement for which NNCF's accuracy control leaves operators in float"
    plain = "off"
    levels = ("off", "0.99")
    shapes_model = True
    of_int8 = True
    chosen_by_answers = True
    acts_on = ActsOn.ENGINE
    may_move = "which operators compute in int8; minutes of preparing"

    def accepts(self, level: str) -> bool:
        """Accept any share, too."""
        return level in self.levels or _is_share(level)

    def remedy(self, level: str) -> str:
        """The call that NNCF's users write."""
        if level == self.plain:
            return ""
        return f"nncf.quantize_with_accuracy_control(..., max_drop={1 - float(level):.4g})"


FACTORS = (
    AccuracyControl(),
    BiasCorrection(),
    WeightGranularity(),
    OverflowFix(),
    Preset(),
    Ranges(),
    SmoothQuant(),
)
