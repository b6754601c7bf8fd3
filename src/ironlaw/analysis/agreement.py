"""The same answer first: how far an arm's outputs on the shared inputs are from the control's."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from ironlaw.analysis.turns import Floats
from ironlaw.fact import Outputs
from ironlaw.missing import Maybe, Missing


class Agreement(TypedDict):
    """The columns of an arm's row that compare its answers with the control's."""

    top1_agreement: Maybe[float]
    sqnr_db: Maybe[float]
    largest_difference: Maybe[float]
    identical_outputs: Maybe[bool]
    cosine: Maybe[float]
    not_finite: Maybe[int]


def agreements(outputs: Sequence[Outputs], *, control: str) -> dict[str, Agreement]:
    """Per arm that answered, how its answers compare with the control's on the same inputs."""
    by_arm = {fact.arm: fact for fact in outputs}
    if control not in by_arm:
        return {arm: _nothing(f"{control} gave no outputs to compare with") for arm in by_arm}
    return {arm: _compare(by_arm[control], fact) for arm, fact in by_arm.items()}


def _compare(control: Outputs, changed: Outputs) -> Agreement:
    if control.input_digest != changed.input_digest:
        return _nothing("it answered other inputs than the control")
    if control.shape != changed.shape:
        return _nothing(f"its outputs have shape {changed.shape}, the control's {control.shape}")
    raw_expected, raw_given = _decoded(control), _decoded(changed)
    if isinstance(raw_expected, Missing):
        return _nothing(raw_expected.reason)
    if isinstance(raw_given, Missing):
        return _nothing(raw_given.reason)
    expected, given = raw_expected.astype(np.float64), raw_given.astype(np.float64)
    rows = len(expected)
    whole, told = expected.reshape(rows, -1), given.reshape(rows, -1)
    finite = bool(np.isfinite(expected).all() and np.isfinite(given).all())
    gap = Missing("an output is not finite")
    return Agreement(
        top1_agreement=_top1(whole, told, control.classes),
        cosine=_cosine(whole, told) if finite else gap,
        sqnr_db=sqnr_db(expected, given) if finite else gap,
        largest_difference=float(np.abs(expected - given).max()) if finite and expected.size else gap,
        identical_outputs=raw_expected.tobytes() == raw_given.tobytes(),
        not_finite=int((~np.isfinite(given)).sum()),
    )


def _top1(expected: Floats, given: Floats, classes: Maybe[int]) -> Maybe[float]:
    """The share of inputs with the control's top class; an input with an answer that is no number does not agree."""
    if isinstance(classes, Missing) and classes != _NOT_SAID:
        return classes
    count = expected.shape[1] if isinstance(classes, Missing) else classes
    if not len(expected) or count < 2:
        return Missing("the outputs are not classes")
    scores, told = expected[:, :count], given[:, :count]
    numbers = np.isfinite(scores).all(axis=1) & np.isfinite(told).all(axis=1)
    return float((numbers & (scores.argmax(axis=1) == told.argmax(axis=1))).mean())


# Recordings older than this field hold classes only.
_NOT_SAID = Missing("was not recorded")


def _cosine(expected: Floats, given: Floats) -> Maybe[float]:
    """The mean over inputs of the cosine between the arm's outputs and the control's."""
    lengths = np.linalg.norm(expected, axis=1) * np.linalg.norm(given, axis=1)
    if not lengths.size or not lengths.all():
        return Missing("an output is all zero")
    return float(((expected * given).sum(axis=1) / lengths).mean())


def sqnr_db(expected: Floats, given: Floats) -> Maybe[float]:
    """Signal to quantization noise, 10 log10(sum expected^2 / sum (expected - given)^2), in dB."""
    noise = float(np.square(expected - given).sum())
    signal = float(np.square(expected).sum())
    if noise == 0:
        return Missing("the outputs are equal: there is no noise")
    if signal == 0:
        return Missing("the control's outputs are all zero")
    return float(10 * np.log10(signal / noise))


def _decoded(outputs: Outputs) -> NDArray[np.float32] | Missing:
    try:
        data = zlib.decompress(base64.b64decode(outputs.data, validate=True))
        return np.frombuffer(data, dtype="<f4").reshape(outputs.shape)
    except (binascii.Error, zlib.error, ValueError) as error:
        return Missing(f"the outputs of {outputs.arm} are damaged: {error}")


def _nothing(reason: str) -> Agreement:
    gap = Missing(reason)
    return Agreement(
        top1_agreement=gap,
        sqnr_db=gap,
        largest_difference=gap,
        identical_outputs=gap,
        cosine=gap,
        not_finite=gap,
    )
