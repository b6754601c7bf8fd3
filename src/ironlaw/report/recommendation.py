"""What to change next, and what else was tried."""

from __future__ import annotations

from ironlaw.explanation import Explanation, FrontPoint, Recommendation
from ironlaw.missing import Missing, is_known
from ironlaw.report.arms import agreement
from ironlaw.report.quantity import MEGABYTES, number, percent, ratio
from ironlaw.report.words import ended, plain


def recommendation_sentence(recommendation: Recommendation) -> str:
    """What to change next, and what it gains."""
    gain = recommendation.gain
    arm = plain(recommendation.arm)
    if isinstance(gain, Missing):
        said = f"Use {arm}; its gain is not known: {ended(plain(gain.reason))}"
    else:
        said = f"Use {arm}: {ratio(gain)} the speed of the control."
    if recommendation.tried:
        said += f" Tried without gain: {', '.join(plain(name) for name in recommendation.tried)}."
    if recommendation.unlike:
        named = ", ".join(plain(name) for name in recommendation.unlike)
        said += f" Faster, but not with the same answers: {named}."
    return said


def next_best_sentences(recommendation: Recommendation, explanation: Explanation) -> list[str]:
    """What else gains, ranked: each with its gain, how it answers, and the command or code line."""
    rows = {arm.arm: arm for arm in explanation.arms}
    said = []
    for option in recommendation.next_best:
        gain = "" if isinstance(option.gain, Missing) else f" {ratio(option.gain)}"
        answers = agreement(rows[option.arm]) if option.arm in rows else ""
        told = f" (answers: {answers})" if answers else ""
        said.append(f"{plain(option.arm)}{gain}{told}: {ended(plain(option.how))}")
    return said


def front_sentence(point: FrontPoint) -> str:
    """One arm of the Pareto front: how fast, how large, how alike."""
    parts = [ratio(point.speedup)]
    if is_known(point.size_bytes):
        parts.append(f"{number(point.size_bytes, MEGABYTES)} {MEGABYTES.unit}")
    if is_known(point.agreement):
        parts.append(f"agreement {percent(point.agreement, digits=3)}")
    return f"{plain(point.arm)}: {', '.join(parts)}"
