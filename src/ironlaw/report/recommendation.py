"""What to change next, and what else was tried."""

from __future__ import annotations

from ironlaw.explanation import NOT_SEARCHED, Comparison, Explanation, FrontPoint, Mixed, Outcome, Recommendation
from ironlaw.explanation.sensitivity import NOT_REPLAYED
from ironlaw.missing import Missing, is_known
from ironlaw.report.arms import agreement
from ironlaw.report.columns import moved_by
from ironlaw.report.frontier import frontier_sentences
from ironlaw.report.left_in_float import left_sentences
from ironlaw.report.quantity import MEGABYTES, number, percent, ratio
from ironlaw.report.sensitivity import not_replayed
from ironlaw.report.words import ended, joined
from ironlaw.text import plain


def recommendation_sentence(recommendation: Recommendation) -> str:
    """What to change next, and what it gains."""
    gain = recommendation.gain
    arm = plain(recommendation.arm)
    said = f"Use {arm}" if recommendation.is_judged else f"The fastest is {arm}"
    if isinstance(gain, Missing):
        said += f"; its gain is not known: {ended(plain(gain.reason))}"
    else:
        said += f": {ratio(gain)} the speed of {plain(recommendation.over) or 'the control'}."
    if not recommendation.is_judged:
        said += " Before it is used, its answers have to be judged with trained weights."
    if recommendation.tried:
        said += f" Tried without gain: {', '.join(plain(name) for name in recommendation.tried)}."
    if recommendation.unlike:
        named = ", ".join(plain(name) for name in recommendation.unlike)
        said += f" Faster, but not with the same answers: {named}."
    return said


def compared_in_full(explanation: Explanation, comparisons: tuple[Comparison, ...]) -> tuple[Comparison, ...]:
    """The comparisons to show at length: all of them, but of a search only the recommended arm's.

    With it goes, where it has no confirmed cause itself, the widest one that has.
    """
    recommendation = explanation.recommendation
    if not explanation.front or isinstance(recommendation, Missing):
        return comparisons
    chosen = [one for one in comparisons if one.changed == recommendation.arm]
    explained = [one for one in comparisons if any(cause.outcome is Outcome.CONFIRMED for cause in one.causes)]
    if not any(one in explained for one in chosen):
        chosen += sorted(explained, key=moved_by)[-1:]
    return tuple(chosen) or comparisons


def next_best_sentences(
    recommendation: Recommendation, explanation: Explanation, *, with_how: bool = True
) -> list[str]:
    """What else gains, ranked: each with its gain and, `with_how`, its answers and the command or code line."""
    rows = {arm.arm: arm for arm in explanation.arms}
    said = []
    for option in recommendation.next_best:
        gain = "" if isinstance(option.gain, Missing) else f" {ratio(option.gain)}"
        answers = agreement(rows[option.arm]) if option.arm in rows else ""
        how = f" (answers: {answers})" if answers else ""
        how += f": {ended(plain(option.how))}" if option.how else ""
        said.append(f"{plain(option.arm)}{gain}{how if with_how else ''}")
    return said


# Its speed-ups differ a little from the comparisons', which have the replicates that chose as well.
FRONT_HEADING = "Not shown to be beaten in time, size and agreement together (by replicates after the last choice)"


def front_sentence(point: FrontPoint) -> str:
    """One arm of the Pareto front: how fast, how large, how well it agrees."""
    parts = [ratio(point.speedup)]
    if is_known(point.size_bytes):
        parts.append(f"{number(point.size_bytes, MEGABYTES)} {MEGABYTES.unit}")
    if is_known(point.agreement):
        parts.append(f"agreement {percent(point.agreement, digits=3)}")
    return f"{plain(point.arm)}: {', '.join(parts)}"


def mixed_sentences(explanation: Explanation) -> list[str]:
    """Whether leaving some blocks in float beats one number format throughout, and what it does to the answers; nothing
    where nothing was searched.
    """
    left = [sentence for one in explanation.left_in_float for sentence in left_sentences(one)]
    left += _failed_replays(explanation)
    left += [sentence for one in explanation.frontiers for sentence in frontier_sentences(one)]
    mixed = explanation.mixed
    if isinstance(mixed, Missing):
        return left or ([] if mixed == NOT_SEARCHED else [f"None was tried: {ended(plain(mixed.reason))}"])
    return [*(_mixed_sentence(one) for one in mixed), *left]


def untried_sentence(explanation: Explanation) -> str:
    """The arms that a search has left out for want of time; empty where there are none."""
    untried = explanation.plan.untried if is_known(explanation.plan) else ()
    if not untried:
        return ""
    them = "it" if len(untried) == 1 else "them"
    return f"Not tried, since preparing {them} takes too much of the budget: {joined([plain(one) for one in untried])}."


def _failed_replays(explanation: Explanation) -> list[str]:
    """Why the layers of an arm, or some of them, could not be replayed."""
    said: list[str] = []
    for arm, found in explanation.sensitivities.items():
        if not isinstance(found, Missing):
            said += [f"{plain(arm)}: {sentence}" for sentence in not_replayed(found)]
        elif found != NOT_REPLAYED:
            said.append(f"The layers of {plain(arm)} could not be replayed: {ended(plain(found.reason))}")
    return said


def _mixed_sentence(one: Mixed) -> str:
    arm, rival = plain(one.arm), plain(one.rival)
    held = f"{rival}, the fastest arm of one precision throughout with the same answers"
    if not one.is_best:
        held = f"{rival}, the fastest of those that differ in precision and fusion only"
    if isinstance(one.gain, Missing):
        return f"Not known whether {arm} beats {held}: {ended(plain(one.gain.reason))}"
    if not one.gain.excludes(1.0):
        return f"No difference shown between {arm} and {held}: {ratio(one.gain)} its speed."
    return f"{arm} {'beats' if one.gain.value > 1 else 'loses to'} {held}: {ratio(one.gain)} its speed."
