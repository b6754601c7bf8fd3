"""How well an arm's outputs on the shared inputs agree with the control's."""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from ironlaw.analysis.likeness import Pair, likeness, other_shapes
from ironlaw.explanation.likeness import Likeness, words_of
from ironlaw.fact import Outputs
from ironlaw.missing import Maybe, Missing, is_known


class Agreement(TypedDict):
    """The columns of an arm's row that compare its answers with the control's."""

    top1_agreement: Maybe[float]
    sqnr_db: Maybe[float]
    largest_difference: Maybe[float]
    identical_outputs: Maybe[bool]
    cosine: Maybe[float]
    not_finite: Maybe[int]
    likeness: Maybe[Likeness]


def agreements(outputs: Sequence[Outputs], *, control: str) -> dict[str, Agreement]:
    """Return, for each arm with outputs, how they agree with the control's on the same inputs."""
    by_arm: dict[str, list[Outputs]] = {}
    for fact in outputs:
        by_arm.setdefault(fact.arm, []).append(fact)
    if control not in by_arm:
        return {arm: _nothing(f"{control} gave no outputs to compare with") for arm in by_arm}
    return {arm: _compare(by_arm[control], facts) for arm, facts in by_arm.items()}


def divergence(outputs: Sequence[Outputs], *, control: str, changed: str) -> Maybe[float]:
    """The mean over inputs of the Kullback-Leibler divergence KL(control || changed), in nats.

    The first output holds unnormalised log-probabilities (logits) of classes, all of which were kept.
    """
    expected, given = ([fact for fact in outputs if fact.arm == arm] for arm in (control, changed))
    if not expected or not given:
        return Missing("its answers and the control's were not both recorded")
    if expected[0].input_digest != given[0].input_digest:
        return Missing("it was run on other inputs than the control")
    matched = _matched(expected, given)
    if isinstance(matched, Missing):
        return matched
    found: list[float] = []
    for one, other in matched:
        pair = _pair(one, other)
        if isinstance(pair, Missing):
            return pair
        if isinstance(one.classes, Missing):
            return one.classes
        before, after = (_log_shares(rows[:, : one.classes]) for rows in (pair.expected, pair.given))
        found += (np.exp(before) * (before - after)).sum(axis=1).tolist()
    mean = float(np.mean(found)) if found else math.nan
    return max(0.0, mean) if math.isfinite(mean) else Missing("an output is not finite")


def _log_shares(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The natural logarithms of the shares that logits stand for: log-softmax of each row."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    found: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return found


def _compare(control: list[Outputs], changed: list[Outputs]) -> Agreement:
    if control[0].input_digest != changed[0].input_digest:
        return _nothing("it was run on other inputs than the control")
    if odd := other_shapes(control, changed):
        first = odd[0]
        reason = f"its outputs have shapes {words_of(first.given)}, the control's {words_of(first.control)}"
        return {**_nothing(reason), "likeness": Likeness(shapes=odd)}
    matched = _matched(control, changed)
    if isinstance(matched, Missing):
        return _nothing(matched.reason)
    pairs = []
    for one, other in matched:
        pair = _pair(one, other)
        if isinstance(pair, Missing):
            return _nothing(pair.reason)
        pairs.append(pair)
    return _agreement(pairs, is_same=_are_identical(matched, pairs))


def _matched(control: list[Outputs], changed: list[Outputs]) -> Maybe[list[tuple[Outputs, Outputs]]]:
    """The outputs of both for inputs of one shape. Arms of experiments answer only the first inputs."""
    cut = Missing("the recording was cut before all of its answers")
    answered = {fact.probes: fact for fact in changed}
    if {fact.probes for fact in control} == set(answered):
        return [(one, answered[one.probes]) for one in control]
    if all(fact.following for fact in changed):
        return cut
    found = [next((one for one in control if _begins(one.probes, fact.probes)), None) for fact in changed]
    pairs = [(one, fact) for one, fact in zip(found, changed, strict=True) if one is not None]
    return pairs if len(pairs) == len(changed) else cut


def _begins(whole: tuple[int, ...], part: tuple[int, ...]) -> bool:
    return bool(part) and whole[: len(part)] == part


def _pair(control: Outputs, changed: Outputs) -> Maybe[Pair]:
    expected, given = _decoded(control), _decoded(changed)
    if isinstance(expected, Missing):
        return expected
    if isinstance(given, Missing):
        return given
    if len(changed.probes) < len(control.probes):  # each with as many rows as the others: the inputs have one shape
        expected = expected[: len(expected) // len(control.probes) * len(changed.probes)]
    if expected.shape != changed.shape:
        return Missing(f"its outputs have shape {changed.shape}, the control's {expected.shape}")
    return Pair(about=control, expected=expected.astype(np.float64), given=given.astype(np.float64))


def _are_identical(matched: list[tuple[Outputs, Outputs]], pairs: list[Pair]) -> Maybe[bool]:
    """Whether the outputs are identical: by the digest of all numbers or, if it was not recorded or covers more inputs,
    by the numbers.
    """
    for (one, other), pair in zip(matched, pairs, strict=True):
        if one.probes == other.probes and is_known(one.digest):
            is_same = one.digest == other.digest
        elif other.shape[1] < other.width:
            return Missing("it answered some of the inputs, and only some of the numbers were kept")
        else:
            is_same = pair.expected.tobytes() == pair.given.tobytes()
        if not is_same:
            return False
    return True


def _agreement(pairs: list[Pair], *, is_same: Maybe[bool]) -> Agreement:
    finite = all(np.isfinite(pair.expected).all() and np.isfinite(pair.given).all() for pair in pairs)
    gap = Missing("an output is not finite")
    has_columns = finite and all(pair.about.forms for pair in pairs)
    why_not = _NOT_SAID if finite else gap
    return Agreement(
        top1_agreement=_top1(pairs),
        cosine=_cosine(pairs) if finite else gap,
        sqnr_db=_sqnr_db(pairs) if finite else gap,
        largest_difference=max(float(np.abs(pair.expected - pair.given).max()) for pair in pairs)
        if finite and all(pair.expected.size for pair in pairs)
        else gap,
        identical_outputs=is_same,
        not_finite=sum(int((~np.isfinite(pair.given)).sum()) for pair in pairs),
        likeness=likeness(pairs) if has_columns else why_not,
    )


def _top1(pairs: list[Pair]) -> Maybe[float]:
    """The share of inputs with the control's top class; an input with a non-finite output does not agree."""
    agree = []
    for pair in pairs:
        classes = pair.about.classes
        if isinstance(classes, Missing) and classes != _NOT_SAID:
            return classes
        rows = len(pair.expected)
        expected, given = pair.expected.reshape(rows, -1), pair.given.reshape(rows, -1)
        count = expected.shape[1] if isinstance(classes, Missing) else classes
        if not rows or count < 2:
            return Missing("the outputs are not classes")
        scores, answered = expected[:, :count], given[:, :count]
        numbers = np.isfinite(scores).all(axis=1) & np.isfinite(answered).all(axis=1)
        agree.append(numbers & (scores.argmax(axis=1) == answered.argmax(axis=1)))
    return float(np.concatenate(agree).mean())


# Recordings older than this field hold classes only.
_NOT_SAID = Missing("was not recorded")


def _cosine(pairs: list[Pair]) -> Maybe[float]:
    """The mean over inputs of the cosine between the arm's outputs and the control's."""
    found = []
    for pair in pairs:
        rows = len(pair.expected)
        expected, given = pair.expected.reshape(rows, -1), pair.given.reshape(rows, -1)
        lengths = np.linalg.norm(expected, axis=1) * np.linalg.norm(given, axis=1)
        if not lengths.size or not lengths.all():
            return Missing("an output is all zero")
        found.append((expected * given).sum(axis=1) / lengths)
    return float(np.concatenate(found).mean())


def _sqnr_db(pairs: list[Pair]) -> Maybe[float]:
    """Signal to quantization noise, 10 log10(sum expected^2 / sum (expected - given)^2), in dB."""
    noise = sum(float(np.square(pair.expected - pair.given).sum()) for pair in pairs)
    signal = sum(float(np.square(pair.expected).sum()) for pair in pairs)
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
        likeness=gap,
    )
