"""What is reported about an arm: whether its outputs agree, what is timed, why it failed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ironlaw.concern import OTHER_ANSWERS, Concern, Weight
from ironlaw.explanation import ArmSummary, Explanation
from ironlaw.explanation.generation import Generation
from ironlaw.explanation.likeness import Likeness
from ironlaw.missing import Missing, is_known
from ironlaw.report.quantity import DECIBEL, number, percent, with_unit
from ironlaw.text import plain

# What is in the row of such an arm.
ANSWERS_OTHERWISE = "gives different outputs"
PREDICTS_OTHERWISE = "predicts other tokens"  # more often than was allowed, but not beyond rounding


def answers_otherwise(explanation: Explanation, arm: str) -> tuple[Concern, ...]:
    """The concerns that an arm's answers are not the control's; empty where they are, or nothing is known of them."""
    return tuple(
        concern
        for concern in explanation.concerns
        if concern.arm == arm and concern.slug in (OTHER_ANSWERS, "not-finite")
    )


def remark(explanation: Explanation, arm: ArmSummary) -> str:
    """What an arm's row says of its answers; empty where they are the control's, or nothing is known of them."""
    found = answers_otherwise(explanation, arm.arm)
    if not found:
        return ""
    is_beyond_rounding = any(concern.weight is Weight.INVALIDATES for concern in found)
    return ANSWERS_OTHERWISE if is_beyond_rounding or isinstance(arm.generation, Missing) else PREDICTS_OTHERWISE


def answers_document(arm: ArmSummary, explanation: Explanation) -> dict[str, Any]:
    """Whether and where an arm's answers differ, as JSON-ready fields."""
    found = answers_otherwise(explanation, arm.arm)
    likeness = arm.likeness
    document: dict[str, Any] = {"otherwise": "; ".join(concern.text for concern in found) or None}
    if isinstance(likeness, Missing):
        return {**document, "missing": likeness.reason}
    worst = likeness.worst
    return {
        **document,
        "worst": {"missing": worst.reason}
        if isinstance(worst, Missing)
        else {"output": worst.output, "axis": worst.axis, "column": worst.column, "agreement": worst.agreement},
        "constant": [
            {"output": one.output, "axis": one.axis, "columns": list(one.columns), "of": one.size}
            for one in likeness.constant
        ],
        "other_shapes": [
            {
                "inputs": [list(form) for form in one.input_forms],
                "control": [list(form) for form in one.control],
                "given": [list(form) for form in one.given],
                "count": one.inputs,
            }
            for one in likeness.shapes
        ],
        "by_input_shape": [
            {
                "inputs": [list(form) for form in one.input_forms],
                "output": one.output,
                "relative_error": {"missing": one.error.reason} if isinstance(one.error, Missing) else one.error,
            }
            for one in likeness.by_shape
        ],
    }


def agreement(arm: ArmSummary, *, is_brief: bool = False) -> str:
    """How an arm's answers compare with the control's; empty when that is not known.

    `is_brief` leaves out the largest difference where the signal-to-noise ratio is there.
    """
    if is_known(arm.identical_outputs) and arm.identical_outputs:
        return "the same, bit for bit"
    if is_known(arm.largest_difference) and arm.largest_difference == 0:
        return "the same in all numbers that were kept to compare"
    parts = []
    if is_known(arm.top1_agreement):
        what = "top class on" if isinstance(arm.generation, Missing) else "most likely next token at"
        of = "inputs" if isinstance(arm.generation, Missing) else "positions"
        parts.append(f"same {what} {percent(arm.top1_agreement, digits=3)} of the {of}")
    if isinstance(arm.generation, Generation) and is_known(arm.generation.kl_nats):
        parts.append(f"KL divergence {number(arm.generation.kl_nats, digits=2)} nats")
    if is_known(arm.sqnr_db):
        parts.append(f"SQNR {with_unit(number(arm.sqnr_db), DECIBEL)}")
    if isinstance(arm.top1_agreement, Missing) and is_known(arm.cosine):
        parts.append(f"cosine {number(arm.cosine)}")
    if is_known(arm.likeness):
        parts += _worst(arm.likeness)
    if is_known(arm.largest_difference) and not (is_brief and is_known(arm.sqnr_db)):
        parts.append(f"largest difference {arm.largest_difference:.1e}")
    if is_known(arm.not_finite) and arm.not_finite:
        parts.append(f"{arm.not_finite} outputs infinite or NaN")
    if is_known(arm.accuracy):
        parts.append(
            f"correct on {percent(arm.accuracy.value, digits=3)} of the labelled inputs"
            f" [{percent(arm.accuracy.low, digits=3)}, {percent(arm.accuracy.high, digits=3)}]"
        )
    return ", ".join(parts)


def _worst(likeness: Likeness) -> list[str]:
    """The output or column that agrees least, and how many columns are constant."""
    parts = [
        f"{len(one.columns)} of {one.size} {'columns' if one.is_last else 'channels'} of output {one.output} constant"
        for one in likeness.constant
    ]
    if is_known(likeness.worst) and likeness.worst.axis is not None:
        kind = "column" if likeness.worst.axis == -1 else "channel"
        parts.append(f"agreement of the worst {kind} {number(likeness.worst.agreement)}")
    return parts


def boundaries(arms: Iterable[ArmSummary]) -> list[tuple[str, str]]:
    """What is timed in an inference, with the arms it applies to; empty if it was not recorded."""
    said: dict[str, list[str]] = {}
    for arm in arms:
        if arm.boundary:
            said.setdefault(plain(arm.boundary), []).append(plain(arm.arm))
    return [(", ".join(names), boundary) for boundary, names in said.items()]
