"""NNCF: static int8 for OpenVINO's models, with or without accuracy control, and int8 weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ironlaw.engines.border.phases import Phases
from ironlaw.engines.openvino.model import core
from ironlaw.errors import ArmFailed
from ironlaw.variant import Variant

Arrays = list[Any]
# By level of nncf.ranges the name in RangeEstimatorParametersSet.
_RANGES = {"minmax": "MINMAX", "quantile": "MEAN_QUANTILE", "histogram": "HISTOGRAM"}
_OVERFLOW = {"first-layer": "FIRST_LAYER", "off": "DISABLE", "all": "ENABLE"}
_CONTROL, _SMOOTHING = "nncf.accuracy-control", "nncf.smooth-quant"
_COLUMNS = 64  # of an output's last axis, up to which each is compared by itself


def quantized(
    converted: Any,
    variant: Variant,
    calibration: list[Arrays],
    phases: Phases,
    *,
    floats: tuple[str, ...] = (),
    compared: list[Arrays] | None = None,
) -> Any:
    """A static int8 copy of a model by NNCF's options of the variant; `floats` are the nodes that stay in float.

    `compared` are the inputs on which accuracy control holds agreement with the float model.

    Raises:
        ArmFailed: nothing in it became int8.
    """
    import nncf

    has_attention = _has_attention(converted)
    if not has_attention and (level := variant.level(_SMOOTHING)) != "own":
        raise ArmFailed(f"{_SMOOTHING}={level} changes nothing: NNCF smooths transformers only", hint="leave it out")
    options: dict[str, Any] = {
        "subset_size": len(calibration),
        "model_type": nncf.ModelType.TRANSFORMER if has_attention else None,
        "preset": _preset(variant),
        "fast_bias_correction": variant.level("nncf.bias-correction") != "full",
        "ignored_scope": nncf.IgnoredScope(names=list(floats)) if floats else None,
    }
    data = nncf.Dataset(calibration)
    level = variant.level(_CONTROL)
    with phases.timed("calibrate"):
        if level == "off":
            made = nncf.quantize(converted, data, advanced_parameters=_advanced(variant), **options)
        else:
            made = nncf.quantize_with_accuracy_control(
                converted,
                data,
                nncf.Dataset(list(enumerate(compared or ())), lambda numbered: numbered[1]),
                _Agreement(converted, compared or []),
                max_drop=1 - float(level),
                advanced_quantization_parameters=_advanced(variant),
                **options,
            )
    if not any(operator.get_type_name() == "FakeQuantize" for operator in made.get_ops()):
        raise ArmFailed(
            "nothing in this model could be quantized by NNCF",
            hint="compare precisions of a model with convolutions or matrix products",
        )
    return made


def _preset(variant: Variant) -> Any:
    import nncf

    level = variant.level("nncf.preset")
    return None if level == "own" else nncf.QuantizationPreset(level)


def _advanced(variant: Variant) -> Any:
    """NNCF's advanced parameters; what a variant leaves plain is NNCF's default."""
    import nncf
    from nncf.quantization import advanced_parameters, range_estimator

    parameters = nncf.AdvancedQuantizationParameters(
        disable_bias_correction=variant.level("nncf.bias-correction") == "off",
        overflow_fix=getattr(advanced_parameters.OverflowFix, _OVERFLOW[variant.level("nncf.overflow-fix")]),
    )
    if (level := variant.level("nncf.ranges")) != "own":
        sets = range_estimator.RangeEstimatorParametersSet
        parameters.activations_range_estimator_params = getattr(sets, _RANGES[level])
    if (level := variant.level(_SMOOTHING)) != "own":
        alpha = -1.0 if level == "off" else float(level)
        smoothing = advanced_parameters.AdvancedSmoothQuantParameters(convolution=alpha, matmul=alpha)
        parameters.smooth_quant_alphas = smoothing
    if variant.level("nncf.granularity") == "tensor":
        parameters.weights_quantization_params = advanced_parameters.QuantizationParameters(per_channel=False)
    return parameters


class _Agreement:
    """The metric of accuracy control: the mean agreement of a compiled model's answers with the float model's."""

    def __init__(self, converted: Any, compared: list[Arrays]) -> None:
        compiled = core().compile_model(converted, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        self._expected = [_outputs(compiled, arrays) for arrays in compared]

    def __call__(self, compiled: Any, numbered: Iterable[tuple[int, Arrays]]) -> tuple[float, list[float]]:
        """The mean, and the agreement of each input."""
        each = [agreement(self._expected[place], _outputs(compiled, arrays)) for place, arrays in numbered]
        return sum(each) / len(each), each


def _outputs(compiled: Any, arrays: Arrays) -> Arrays:
    return [output.copy() for output in compiled(arrays).to_tuple()]


def agreement(expected: Arrays, given: Arrays) -> float:
    """1 or 0 by the top class where the one output is a row of scores; otherwise the least cosine of outputs and, where
    an output's last axis has few columns, of each of them.
    """
    import numpy

    from ironlaw.engines.border.change import least_cosine

    if len(expected) == 1 and expected[0].ndim == 2 and expected[0].shape[-1] > 1:
        same = expected[0].argmax(-1) == given[0].argmax(-1)
        return float((same & numpy.isfinite(given[0]).all(-1)).mean())
    least = least_cosine(expected, given)
    for one, other in zip(expected, given, strict=True):
        if one.ndim > 2 and one.shape == other.shape and 1 < one.shape[-1] <= _COLUMNS:
            columns = [[table[..., place] for place in range(one.shape[-1])] for table in (one, other)]
            least = min(least, least_cosine(*columns))
    return least


def _has_attention(converted: Any) -> bool:
    """Whether this is a transformer, for which NNCF has a quantization recipe of its own."""
    kinds = {operator.get_type_name() for operator in converted.get_ops()}
    return "ScaledDotProductAttention" in kinds or {"Softmax", "MVN", "MatMul"} <= kinds


def compressed(converted: Any, phases: Phases) -> Any:
    """A copy with int8 weights.

    Raises:
        ArmFailed: it has none that could be.
    """
    import nncf

    before = {operator.get_friendly_name() for operator in converted.get_ops()}
    with phases.timed("convert"):
        made = nncf.compress_weights(converted, mode=nncf.CompressWeightsMode.INT8_ASYM)
    if {operator.get_friendly_name() for operator in made.get_ops()} == before:
        raise ArmFailed("no weight of this model could be compressed to int8", hint="leave this arm out")
    return made
