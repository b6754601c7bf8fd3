"""What is said of an arm: whether it answers as the control does, what the clock sees of it, why it failed."""

from __future__ import annotations

from collections.abc import Iterable

from ironlaw.explanation import ArmSummary
from ironlaw.missing import Missing, is_known
from ironlaw.report.quantity import DECIBEL, number, percent, with_unit
from ironlaw.report.words import ended
from ironlaw.text import plain


def agreement(arm: ArmSummary) -> str:
    """How an arm's answers compare with the control's; empty when that is not known."""
    if is_known(arm.identical_outputs) and arm.identical_outputs:
        return "the same, bit for bit"
    parts = []
    if is_known(arm.top1_agreement):
        parts.append(f"same top class on {percent(arm.top1_agreement, digits=3)} of the inputs")
    if is_known(arm.sqnr_db):
        parts.append(f"SQNR {with_unit(number(arm.sqnr_db), DECIBEL)}")
    if isinstance(arm.top1_agreement, Missing) and is_known(arm.cosine):
        parts.append(f"cosine {number(arm.cosine)}")
    if is_known(arm.largest_difference):
        parts.append(f"largest difference {arm.largest_difference:.1e}")
    if is_known(arm.not_finite) and arm.not_finite:
        parts.append(f"{arm.not_finite} outputs infinite or no number")
    if is_known(arm.accuracy):
        parts.append(
            f"right on {percent(arm.accuracy.value, digits=3)} of the labelled inputs"
            f" [{percent(arm.accuracy.low, digits=3)}, {percent(arm.accuracy.high, digits=3)}]"
        )
    return ", ".join(parts)


def boundaries(arms: Iterable[ArmSummary]) -> list[tuple[str, str]]:
    """What the clock sees of an inference, with the arms it is so for; nothing where it was not recorded."""
    said: dict[str, list[str]] = {}
    for arm in arms:
        if arm.boundary:
            said.setdefault(plain(arm.boundary), []).append(plain(arm.arm))
    return [(", ".join(names), boundary) for boundary, names in said.items()]


def failure_sentence(arm: ArmSummary) -> str:
    """Why an arm could not go on."""
    return f"{plain(arm.arm)} failed: {ended(plain(arm.failure))}"
