"""Whether an arm answers as the control does: what makes it unfit to be recommended, however fast it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ironlaw.concern import Concern, Weight
from ironlaw.explanation import ArmSummary
from ironlaw.missing import Maybe, Missing, is_known


def agreement_of(row: ArmSummary) -> Maybe[float]:
    """The share of inputs with the control's top class; for outputs that are no classes, their cosine with its own.

    A cosine of 0.99 is a signal-to-noise ratio of 17 dB where lengths are kept.
    """
    if isinstance(row.not_finite, int) and row.not_finite:
        return Missing("an output is not finite")
    return row.top1_agreement if is_known(row.top1_agreement) else row.cosine


def answers_alike(row: ArmSummary, least: float) -> bool:
    """Whether the agreement is known and reaches the least that was asked for."""
    agreement = agreement_of(row)
    return is_known(agreement) and agreement >= least


def answer_doubts(rows: Iterable[ArmSummary], asked: set[str], least: float, *, trained: bool) -> Iterator[Concern]:
    """The arms whose answers are no numbers, and (with trained weights) those that answer differently."""
    for row in rows:
        if row.arm not in asked or isinstance(row.not_finite, Missing):
            continue
        if row.not_finite:
            yield Concern(
                slug="not-finite",
                text=f"{row.not_finite} of its outputs on the shared inputs are infinite or no number",
                fix="look for overflow: a mask of -inf, a division by zero, a scale of zero",
                arm=row.arm,
                weight=Weight.INVALIDATES,
            )
            continue
        agreement = agreement_of(row)
        if trained and is_known(agreement) and agreement < least:
            what = "the control's top class" if is_known(row.top1_agreement) else "a cosine with the control's outputs"
            told = (
                f"{100 * agreement:.1f} % of the inputs have {what}"
                if is_known(row.top1_agreement)
                else (f"its outputs have {what} of {agreement:.3f}")
            )
            yield Concern(
                slug="other-answers",
                text=f"{told}, below {least:.4g}: it is never recommended",
                fix="quantize less of it, calibrate on more inputs, or lower --agreement",
                arm=row.arm,
            )
