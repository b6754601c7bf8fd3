"""quantization.*: options of ONNX Runtime's own quantization tools."""

from __future__ import annotations

from typing import ClassVar

from ironlaw.factor import ActsOn, Factor


class Format(Factor):
    """qdq: float operators between quantize-dequantize pairs, fused when loaded; qoperator: int8 operators as such."""

    name = "quantization.format"
    summary = "how int8 is written into an ONNX file"
    plain = "qdq"
    levels = ("qdq", "qoperator")
    shapes_model = True
    of_int8 = True
    acts_on = ActsOn.ENGINE
    may_move = "which operators compute in int8"


class Granularity(Factor):
    """Plain is a scale per output channel, as in eager PyTorch's default."""

    name = "quantization.granularity"
    summary = "what shares one scale of int8 weights"
    plain = "channel"
    levels = ("channel", "tensor")
    remedies: ClassVar = {"tensor": "quantize_static(..., per_channel=False)"}
    shapes_model = True
    of_int8 = True
    acts_on = ActsOn.ENGINE
    may_move = "the answers; the kernels where an engine has faster ones for one scale"


class Signs(Factor):
    """Plain is unsigned activations and signed weights, as in eager PyTorch's default."""

    name = "quantization.signs"
    summary = "signs of int8 activations and weights"
    plain = "u8s8"
    levels = ("u8s8", "s8s8")
    remedies: ClassVar = {"s8s8": "quantize_static(..., activation_type=QuantType.QInt8)"}
    shapes_model = True
    of_int8 = True
    acts_on = ActsOn.ENGINE
    may_move = "the kernels; saturation where the CPU has no dot product instruction"


class CalibrationMethod(Factor):
    """Plain is the smallest and the largest value met; the others cut a few large ones off by a histogram."""

    name = "quantization.calibration"
    summary = "how a range of activations follows from calibration inputs"
    plain = "minmax"
    levels = ("minmax", "entropy", "percentile")
    remedies: ClassVar = {
        "minmax": "calibrate with CalibrationMethod.MinMax",
        "entropy": "calibrate with CalibrationMethod.Entropy",
        "percentile": "calibrate with CalibrationMethod.Percentile",
    }
    shapes_model = True
    of_int8 = True
    acts_on = ActsOn.ENGINE
    may_move = "the answers; not the kernels"


class SmoothQuantization(Factor):
    """A number moves that share of the range of activations into the weights of matrix products and convolutions."""

    name = "quantization.smooth-quant"
    summary = "the share of the range of activations that ONNX Runtime's tools move into the weights"
    plain = "off"
    levels = ("off", "0.5")
    remedies: ClassVar = {
        "0.5": "quantize_static(..., extra_options={'SmoothQuant': True, 'SmoothQuantAlpha': 0.5})",
    }
    shapes_model = True
    of_int8 = True
    acts_on = ActsOn.ENGINE
    may_move = "the answers; a multiplication before a layer whose input no other operator can scale"


class CorrectedBiases(Factor):
    """On adds to each bias what rounding takes from the mean of its channel, over calibration inputs.

    ONNX Runtime's tools have no such step: ironlaw rewrites the file that they made.
    """

    name = "quantization.bias-correction"
    summary = "whether biases make up for the mean error of rounding in their own layer"
    plain = "off"
    levels = ("off", "on")
    remedies: ClassVar = {"on": "take the file that ironlaw export writes: the tools do not correct biases"}
    shapes_model = True
    of_int8 = True
    acts_on = ActsOn.ENGINE
    may_move = "the answers; not the kernels"


FACTORS = (CorrectedBiases(), CalibrationMethod(), Format(), Granularity(), Signs(), SmoothQuantization())
