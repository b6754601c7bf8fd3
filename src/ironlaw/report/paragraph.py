"""One comparison as an answer: what differs, by how much, what of it is explained, and what misleads."""

from __future__ import annotations

import math
from decimal import Decimal

from ironlaw.concern import Weight
from ironlaw.estimate import Estimate
from ironlaw.explanation import NOT_RECORDED, Comparison, Difference, Explanation, ReadOnce
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.report.account import located_sentence
from ironlaw.report.arms import answers_otherwise
from ironlaw.report.columns import moved_by
from ironlaw.report.doubts import invalid_sentence, invalidating, why_unproven
from ironlaw.report.quantity import (
    COUNT,
    PERCENT,
    PLAIN,
    TIME,
    Scale,
    amount,
    measured,
    number,
    percent,
    ratio,
    scale_for,
    with_unit,
)
from ironlaw.report.vary import answer, varied_of
from ironlaw.report.verdicts import interaction_sentences, shares_sentence, unexplained_sentence
from ironlaw.report.words import ended, unit_of_work
from ironlaw.text import plain


def headline(comparison: Comparison, explanation: Explanation) -> str:
    """The answer, in one sentence."""
    changed, control = plain(comparison.changed), plain(comparison.control)
    ln_ratio = comparison.ln_ratio
    if isinstance(ln_ratio, Missing):
        if not isinstance(comparison.once, Missing):
            return _once_headline(comparison, comparison.once, explanation)
        return f"{changed} cannot be compared with {control}: {plain(ln_ratio.reason)}."
    speedup = ratio(ln_ratio.through(math.exp))
    if comparison.difference is Difference.FASTER:
        return f"{changed} is {speedup} faster than {control}{_times(comparison, explanation)}."
    if comparison.difference is Difference.SLOWER:
        slowdown = ratio(ln_ratio.negated().through(math.exp))
        return f"{changed} is {slowdown} slower than {control}{_times(comparison, explanation)}."
    if comparison.difference is Difference.NONE_SHOWN:
        return f"No difference shown between {changed} and {control}: {speedup}."
    by = "" if explanation.times_are == "time" else f", by {explanation.times_are}"
    return f"Unproven: {changed} against {control} is {speedup}{by}, but {why_unproven(explanation)}."


def _once_headline(comparison: Comparison, once: ReadOnce, explanation: Explanation) -> str:
    scale = scale_for(TIME, [once.control_ns, once.changed_ns])
    new, old = (number(ns, scale, digits=4) for ns in (once.changed_ns, once.control_ns))
    why = comparison.ln_ratio.reason if isinstance(comparison.ln_ratio, Missing) else "it was read once"
    proven = f"No interval ({plain(why)}), so nothing is proven."
    if new == old:
        work, time = unit_of_work(explanation.plan), with_unit(new, scale)
        return f"{plain(comparison.changed)} took as long as {plain(comparison.control)}, {time} per {work}. {proven}"
    is_faster = once.ln_ratio >= 0
    of = "" if explanation.times_are == "time" else f" of {explanation.times_are}"
    factor = ratio(math.exp(abs(once.ln_ratio)))
    if factor == ratio(1.0):
        return (
            f"{plain(comparison.changed)} took {with_unit(new, scale)}{of} per {unit_of_work(explanation.plan)}, "
            f"{plain(comparison.control)} {with_unit(old, scale)}: a ratio of {factor}. {proven}"
        )
    return (
        f"{plain(comparison.changed)} took {with_unit(new, scale)}{of} instead of {with_unit(old, scale)} per "
        f"{unit_of_work(explanation.plan)}, {factor} {'faster' if is_faster else 'slower'} than "
        f"{plain(comparison.control)}. {proven}"
    )


def _times(comparison: Comparison, explanation: Explanation) -> str:
    before, after = (_wall(explanation, name) for name in (comparison.control, comparison.changed))
    if isinstance(before, Missing) or isinstance(after, Missing):
        return ""
    scale = scale_for(TIME, [before.value, after.value])
    new, old = measured(after, scale).value, measured(before, scale).value
    is_less = Decimal(new) < Decimal(old)
    if Decimal(new) == Decimal(old) or is_less is not (comparison.difference is Difference.FASTER):
        return ""  # of other replicates, or rounded to other digits, they would contradict the ratio
    work = unit_of_work(explanation.plan)
    return f": {with_unit(new, scale)} instead of {with_unit(old, scale)} per {work}"


def _wall(explanation: Explanation, name: str) -> Maybe[Estimate]:
    return next((arm.wall_ns for arm in explanation.arms if arm.arm == name), NOT_RECORDED)


def precision_sentence(comparison: Comparison, explanation: Explanation) -> str:
    """What the requested precision would still take; empty if it was reached, or none was requested."""
    plan, estimate, needed = explanation.plan, comparison.ln_ratio, comparison.replicates_needed
    if isinstance(plan, Missing) or plan.schedule.precision is None or isinstance(estimate, Missing) or needed == 0:
        return ""
    half, goal = (percent(width) for width in (estimate.half_width, plan.schedule.precision))
    said = f"The interval is ±{half}; ±{goal} was requested"
    if isinstance(needed, Missing):
        return f"{said}: {ended(plain(needed.reason))}"
    seconds = comparison.seconds_needed
    time = "" if isinstance(seconds, Missing) else f" ({amount(seconds * TIME[-1].size, TIME, digits=2)})"
    return f"{said}. That takes about {needed} more replicate{'s' if needed > 1 else ''}{time}."


def rank_sentence(comparison: Comparison) -> str:
    """The rank interval beside the interval, and the replicates of both; empty if there is no interval."""
    if isinstance(comparison.ln_ratio, Missing):
        return ""
    each = ", ".join(number(math.exp(value)) for value in comparison.replicates)
    rank = comparison.rank
    said = plain(rank.reason) if isinstance(rank, Missing) else ratio(rank.through(math.exp))
    return f"By ranks, assuming no distribution: {said}. Replicates (control over changed): {each}."


def misleading_sentence(slug: str, comparison: Comparison, explanation: Explanation) -> str:
    """Which metric moves against the time, with its numbers, and what to look at instead."""
    rows = {arm.arm: arm for arm in explanation.arms}
    old, new = rows.get(comparison.control), rows.get(comparison.changed)
    changed = plain(comparison.changed)
    if old is None or new is None:
        return ""
    ipc = f"from {_bare(old.ipc, 3)} to {_bare(new.ipc, 3)}"
    rate = f"from {_bare(old.cache_miss_share, 3, PERCENT)} to {_bare(new.cache_miss_share, 3, PERCENT)}"
    scale = scale_for(COUNT, [old.cache_misses, new.cache_misses])
    work = unit_of_work(explanation.plan)
    misses = f"from {_bare(old.cache_misses, 3, scale)} to {_bare(new.cache_misses, 3, scale)} per {work}"
    said = {
        "ipc-lower-while-faster": f"IPC falls {ipc} although {changed} is faster: it needs fewer instructions",
        "ipc-higher-while-slower": f"IPC rises {ipc} although {changed} is slower: it needs more instructions",
        "miss-rate-up-while-misses-fall": f"the cache-miss percentage rises {rate} while the misses fall {misses}",
        "miss-rate-down-while-misses-rise": f"the cache-miss percentage falls {rate} while the misses rise {misses}",
    }
    return f"Misleading: {said.get(slug, plain(slug).replace('-', ' '))}."


def _bare(value: Maybe[float], digits: int, scale: Scale = PLAIN) -> str:
    return "an unknown value" if isinstance(value, Missing) else with_unit(number(value, scale, digits=digits), scale)


def adjusted_sentence(comparison: Comparison) -> str:
    """The comparison adjusted for a covariate; empty if none explains the spread."""
    if isinstance(comparison.adjusted, Missing):
        return ""
    how = "at equal values in both arms" if comparison.covariate_is_equal else "at the mean difference"
    return (
        f"Adjusted for {plain(comparison.covariate)} {how}, by regression over the replicates: "
        f"{ratio(comparison.adjusted.through(math.exp))}."
    )


def otherwise_sentences(comparison: Comparison, explanation: Explanation) -> list[str]:
    """That an arm agrees less than was requested, before its speed; what invalidates is reported as such."""
    return [
        f"{plain(arm)} gives different outputs: {ended(plain(concern.text))}"
        for arm in (comparison.control, comparison.changed)
        for concern in answers_otherwise(explanation, arm)
        if concern.weight is not Weight.INVALIDATES
    ]


def paragraph(comparison: Comparison, explanation: Explanation) -> str:
    """One comparison as an answer: what differs, what of it is explained, what is not."""
    sentences = [
        *dict.fromkeys(invalid_sentence(concern) for concern in invalidating(comparison, explanation)),
        *otherwise_sentences(comparison, explanation),
        headline(comparison, explanation),
        precision_sentence(comparison, explanation),
        shares_sentence(comparison),
        unexplained_sentence(comparison),
        located_sentence(comparison),
        *interaction_sentences(comparison),
        adjusted_sentence(comparison),
        *(misleading_sentence(slug, comparison, explanation) for slug in comparison.misleading),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def brief_paragraph(comparison: Comparison, explanation: Explanation) -> str:
    """One comparison as an answer, without what of it is explained."""
    sentences = [
        *dict.fromkeys(invalid_sentence(concern) for concern in invalidating(comparison, explanation)),
        *otherwise_sentences(comparison, explanation),
        headline(comparison, explanation),
        *(misleading_sentence(slug, comparison, explanation) for slug in comparison.misleading),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def summary(explanation: Explanation, comparisons: tuple[Comparison, ...]) -> str:
    """The summary: the paragraph of the largest difference; where it turns, if a setting is varied."""
    varied = varied_of(explanation)
    if varied is not None:
        return answer(explanation, varied)
    known = [item for item in comparisons if is_known(item.ln_ratio) or is_known(item.once)]
    if not known:
        return "Nothing can be compared: " + ("no pair of arms has times." if comparisons else "there is one arm.")
    return paragraph(max(known, key=moved_by), explanation)
