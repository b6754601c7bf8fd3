"""Every sentence ironlaw says about an explanation, once, for all outputs."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ironlaw.concern import Concern, Weight
from ironlaw.estimate import Estimate
from ironlaw.explanation import (
    NOT_RECORDED,
    ArmSummary,
    CauseVerdict,
    Comparison,
    Design,
    Difference,
    Explanation,
    FrontPoint,
    Outcome,
    ReadOnce,
    Recommendation,
    Term,
)
from ironlaw.factor import Direction
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.plan import Plan
from ironlaw.report.causes import cause_title
from ironlaw.report.quantity import (
    COUNT,
    DECIBEL,
    MEGABYTES,
    PERCENT,
    PLAIN,
    TIME,
    Scale,
    amount,
    number,
    percent,
    ratio,
    scale_for,
    shown,
    with_unit,
)

TERM_TITLES: dict[Term, str] = {
    Term.INSTRUCTIONS: "instructions",
    Term.CPI: "cycles per instruction",
    Term.FREQUENCY: "clock frequency",
    Term.UTILISATION: "CPU utilisation",
    Term.KERNEL: "kernel time",
    Term.CPU_TIME: "CPU time",
}

OUTCOME_WORDS: dict[Outcome, str] = {
    Outcome.CONFIRMED: "confirmed",
    Outcome.REFUTED: "refuted",
    Outcome.UNDECIDED: "undecided",
    Outcome.CONSISTENT: "consistent with",
}

# Also told apart by shape, for readers without colour.
OUTCOME_SIGNS: dict[Outcome, str] = {
    Outcome.CONFIRMED: "✓",
    Outcome.REFUTED: "✗",
    Outcome.UNDECIDED: "?",
    Outcome.CONSISTENT: "~",
}

WEIGHT_WORDS: dict[Weight, str] = {
    Weight.INVALIDATES: "Invalid",
    Weight.DOUBTS: "Doubt",
    Weight.NOTES: "Note",
}

# Concerns that come many at a time and begin alike, with that beginning: shown as one list.
LISTED: dict[str, str] = {"table-lacks": "the table lacks"}

# What brings a lost counter back, by a word of the reason it was lost for; the first that fits is used.
_REMEDIES: tuple[tuple[str, str], ...] = (
    ("--no-counters", "run again without --no-counters"),
    ("use bare metal", "`ironlaw doctor` says more"),
    ("paranoid", "sudo sysctl kernel.perf_event_paranoid=1"),
    ("EACCES", "sudo sysctl kernel.perf_event_paranoid=1"),
    ("EPERM", "sudo sysctl kernel.perf_event_paranoid=1 (in a container also: --cap-add PERFMON)"),
    ("PMU", "run on bare metal, or on an instance type that shows its PMU; `ironlaw doctor` tells"),
    ("ENOENT", "run on bare metal, or on an instance type that shows its PMU; `ironlaw doctor` tells"),
    ("ENODEV", "run on bare metal, or on an instance type that shows its PMU; `ironlaw doctor` tells"),
    ("multiplexed", "ask for fewer events at a time, or stop other users of the PMU"),
)


def plain(text: str) -> str:
    """A string from outside without control characters, so that it cannot drive a terminal."""
    return "".join(
        letter if letter.isprintable() or letter == "\N{NO-BREAK SPACE}" else "\N{REPLACEMENT CHARACTER}"
        for letter in text
    )


def unit_of_work(plan: Maybe[Plan]) -> str:
    """What one inference is called: an image, a batch, or just that for someone's own program; without a plan a run."""
    if isinstance(plan, Missing):
        return "run"
    if plan.batch > 1:
        return f"batch of {plan.batch}"
    if any(arm.factory is not None for arm in plan.arms) or any(mark in plan.model for mark in (":", "/", ".onnx")):
        return "inference"
    return "image"


def remedy(reason: str) -> str:
    """The command or step that brings back what was lost for this reason; empty when none is known."""
    return next((step for word, step in _REMEDIES if word.lower() in reason.lower()), "")


def joined(names: list[str]) -> str:
    """Names as a sentence lists them: a, b and c."""
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def difference_word(comparison: Comparison) -> str:
    """What the comparison's difference is called when parts of it are named."""
    return {Difference.FASTER: "gain", Difference.SLOWER: "loss"}.get(comparison.difference, "difference")


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
    return f"Unproven: {changed} against {control} reads {speedup}, but {_moved(explanation)}."


def _once_headline(comparison: Comparison, once: ReadOnce, explanation: Explanation) -> str:
    scale = scale_for(TIME, [once.control_ns, once.changed_ns])
    new, old = (number(ns, scale, digits=4) for ns in (once.changed_ns, once.control_ns))
    why = comparison.ln_ratio.reason if isinstance(comparison.ln_ratio, Missing) else "it was read once"
    proven = f"No interval ({plain(why)}), so nothing is proven."
    if new == old:
        work, time = unit_of_work(explanation.plan), with_unit(new, scale)
        return f"{plain(comparison.changed)} took as long as {plain(comparison.control)}, {time} per {work}. {proven}"
    is_faster = once.ln_ratio >= 0
    factor = ratio(math.exp(abs(once.ln_ratio)))
    return (
        f"{plain(comparison.changed)} took {with_unit(new, scale)} instead of {with_unit(old, scale)} per "
        f"{unit_of_work(explanation.plan)}, {factor} {'faster' if is_faster else 'slower'} than "
        f"{plain(comparison.control)}. {proven}"
    )


def _times(comparison: Comparison, explanation: Explanation) -> str:
    before, after = (_wall(explanation, name) for name in (comparison.control, comparison.changed))
    if isinstance(before, Missing) or isinstance(after, Missing):
        return ""
    scale = scale_for(TIME, [before.value, after.value])
    new, old = shown(after, scale).value, shown(before, scale).value
    work = unit_of_work(explanation.plan)
    return f": {with_unit(new, scale)} instead of {with_unit(old, scale)} per {work}"


def _wall(explanation: Explanation, name: str) -> Maybe[Estimate]:
    return next((arm.wall_ns for arm in explanation.arms if arm.arm == name), NOT_RECORDED)


def precision_sentence(comparison: Comparison, explanation: Explanation) -> str:
    """What it would take to reach the precision asked for; empty when it was reached, or none was asked for."""
    plan, estimate, needed = explanation.plan, comparison.ln_ratio, comparison.replicates_needed
    if isinstance(plan, Missing) or plan.schedule.precision is None or isinstance(estimate, Missing) or needed == 0:
        return ""
    half, goal = (percent(width) for width in (estimate.half_width, plan.schedule.precision))
    said = f"The interval is ±{half}, and ±{goal} was asked for: "
    if isinstance(needed, Missing):
        return said + _ended(plain(needed.reason))
    seconds = comparison.seconds_needed
    time = "" if isinstance(seconds, Missing) else f", {amount(seconds * TIME[-1].size, TIME, digits=2)}"
    return f"{said}about {needed} more replicate{'s' if needed > 1 else ''}{time}."


def rank_sentence(comparison: Comparison) -> str:
    """The check beside the interval, and the replicates behind both; empty where there is no interval to check."""
    if isinstance(comparison.ln_ratio, Missing):
        return ""
    each = ", ".join(number(math.exp(value)) for value in comparison.replicates)
    rank = comparison.rank
    said = plain(rank.reason) if isinstance(rank, Missing) else ratio(rank.through(math.exp))
    return f"By ranks, assuming no distribution: {said}. Its replicates: {each} (control over changed)."


def stopped_sentence(explanation: Explanation) -> str:
    """That the run stopped early because it was precise enough; empty when it did not."""
    plan = explanation.plan
    if isinstance(plan, Missing) or plan.schedule.precision is None or not explanation.stopped_on_precision:
        return ""
    count = max((len(comparison.replicates) for comparison in explanation.comparisons), default=0)
    goal = percent(plan.schedule.precision)
    return f"Stopped early, after {count} replicates: every interval asked for is within ±{goal}."


def _moved(explanation: Explanation) -> str:
    check = explanation.control_check
    if isinstance(check, Missing):
        return f"nothing shows what no difference looks like ({plain(check.reason)})"
    if isinstance(check.ln_ratio, Missing):
        return f"the control could not be compared with itself ({plain(check.ln_ratio.reason)})"
    moved = ratio(check.ln_ratio.through(math.exp))
    return f"the same program against itself reads {moved}, so nothing is claimed"


def control_sentence(explanation: Explanation) -> str:
    """What the control arm says about this recording."""
    check = explanation.control_check
    if isinstance(check, Missing):
        return f"No control: {plain(check.reason)}."
    if isinstance(check.ln_ratio, Missing):
        return f"No control: {plain(check.ln_ratio.reason)}."
    moved = ratio(check.ln_ratio.through(math.exp))
    name = plain(check.control)
    if check.difference is Difference.NONE_SHOWN:
        return f"Control: {name} against itself reads {moved}: no difference, as it must be."
    return f"Control: {name} against itself reads {moved}: it moved, so no claim of this recording is proven."


def shares_sentence(comparison: Comparison) -> str:
    """How much of the difference each confirmed cause is; empty when none has a share."""
    parts = [
        f"{_share(verdict.share)} is {cause_title(verdict.cause)}{_in_time(verdict.saved_ns)}"
        for verdict in comparison.causes
        if verdict.outcome is Outcome.CONFIRMED and is_known(verdict.share)
    ]
    if not parts:
        return ""
    parts[0] = parts[0].replace(" is ", f" of the {difference_word(comparison)} is ", 1)
    return ", ".join(parts) + "."


def _in_time(saved_ns: Maybe[float]) -> str:
    if isinstance(saved_ns, Missing):
        return ""
    scale = scale_for(TIME, [abs(saved_ns)])
    # Two digits: the share beside it, with its interval, is known no better.
    return f" ({with_unit(number(saved_ns, scale, digits=2), scale)})"


def _share(share: Estimate) -> str:
    if share.low == share.high:
        return percent(share.value)
    text = shown(share, PERCENT)
    return f"{with_unit(text.value, PERCENT)} {text.interval}"


def share_text(share: Maybe[Estimate]) -> str:
    """A share as it stands in a table; empty when there is none."""
    return "" if isinstance(share, Missing) else _share(share)


def unexplained_sentence(comparison: Comparison) -> str:
    """What the confirmed causes leave over; empty when that was not computed."""
    rest = comparison.unexplained
    if isinstance(rest, Missing):
        if rest == NOT_RECORDED:
            return ""
        return f"What remains unexplained is not known: {plain(rest.reason)}."
    if not any(verdict.outcome is Outcome.CONFIRMED for verdict in comparison.causes):
        told = comparison.difference in (Difference.FASTER, Difference.SLOWER)
        return f"No tested cause is confirmed{': all of it is unexplained' if told else ''}."
    factor = ratio(rest.through(math.exp))
    if not rest.excludes(0.0):
        return f"What is left over is not shown to be anything: {factor}."
    whole = comparison.ln_ratio
    part = ""
    if comparison.difference in (Difference.FASTER, Difference.SLOWER):
        share = comparison.unexplained_share
        if not isinstance(share, Missing):
            part = f", {_share(share)} of the {difference_word(comparison)}{_in_time(comparison.unexplained_ns)}"
        elif is_known(whole):
            part = f", {percent(rest.value / whole.value)} of the {difference_word(comparison)}"
    return f"Unexplained: a factor of {factor}{part}."


def cause_sentence(verdict: CauseVerdict) -> str:
    """What was found out about one suspected cause."""
    title = cause_title(verdict.cause)
    if verdict.outcome is Outcome.CONSISTENT:
        why = f": {plain(verdict.reason)}" if verdict.reason else ""
        return f"Consistent with {title}{why}. No experiment tested it."
    start = title[:1].upper() + title[1:] + f": {OUTCOME_WORDS[verdict.outcome]}."
    sentences = [start, _experiment_sentence(verdict)]
    if verdict.reason:
        sentences.append(_sentence(verdict.reason))
    return " ".join(sentence for sentence in sentences if sentence)


def interaction_sentences(comparison: Comparison) -> list[str]:
    """What one factor changes in another's effect, from the 2x2 of both; empty without one."""
    said = []
    for name, extra in comparison.interaction.items():
        one, _, two = name.partition(" x ")
        factor = ratio(extra.through(math.exp))
        if not extra.excludes(0.0):
            said.append(f"No interaction of {plain(one)} and {plain(two)} is shown: {factor}.")
            continue
        word = "more" if extra.value > 0 else "less"
        said.append(f"{plain(one)[:1].upper()}{plain(one)[1:]} and {plain(two)} together gain {word} than "
                    f"each alone multiplied: a factor of {factor}.")  # fmt: skip
    return said


def brief_sentence(verdict: CauseVerdict) -> str:
    """The outcome of a cause and the size of its effect, where the whole sentence stands elsewhere."""
    title = cause_title(verdict.cause)
    start = f"{title[:1].upper() + title[1:]}: {OUTCOME_WORDS[verdict.outcome]}"
    if isinstance(verdict.effect, Missing):
        return f"{start}; {_ended(plain(verdict.reason))}" if verdict.reason else _ended(start)
    return f"{start}, a factor of {ratio(verdict.effect.through(math.exp))}."


def told_sentence(verdict: CauseVerdict) -> str:
    """One that rests on an experiment that was told before, for another comparison."""
    title = cause_title(verdict.cause)
    return f"{title[:1].upper()}{title[1:]}: {OUTCOME_WORDS[verdict.outcome]} by the same experiment."


def _experiment_sentence(verdict: CauseVerdict) -> str:
    if verdict.control is None or verdict.changed is None:
        return ""
    changed, control = plain(verdict.changed), plain(verdict.control)
    direction = verdict.predicts.value if verdict.predicts else Direction.FASTER.value
    if isinstance(verdict.effect, Missing):
        return f"{changed} against {control}: {_ended(plain(verdict.effect.reason))}"
    effect = ratio(verdict.effect.through(math.exp))
    if verdict.design is not Design.PAIR:
        return _contribution_sentence(verdict, effect)
    if verdict.outcome is Outcome.CONFIRMED:
        tail = ", as predicted" if verdict.predicts else ""
        return f"{changed} is {effect} {direction} than {control}{tail}."
    if verdict.predicts:
        return f"{changed} was predicted {direction} than {control}; measured {effect} {direction}."
    return f"{changed} against {control} measured {effect} {direction}."


def _contribution_sentence(verdict: CauseVerdict, effect: str) -> str:
    """A cause read from more than one pair of arms: what the difference shrinks by without it."""
    if verdict.design is Design.FACTORIAL:
        return f"It is worth a factor of {effect}, from all combinations of the factors that differ."
    arms = [plain(name) for name in (verdict.changed, verdict.others[1] if verdict.others else None) if name]
    return f"With the switch on both sides ({' against '.join(arms)}) the difference shrinks by a factor of {effect}."


def effect_text(verdict: CauseVerdict) -> str:
    """The size of an experiment's effect as it stands in a table; empty when no experiment gave one."""
    return "" if isinstance(verdict.effect, Missing) else ratio(verdict.effect.through(math.exp))


def prediction_text(verdict: CauseVerdict) -> str:
    """The experiment and its prediction: fp32+malloc=retain faster than fp32; empty without an experiment."""
    if verdict.control is None or verdict.changed is None:
        return ""
    word = f"{verdict.predicts.value} than" if verdict.predicts else "against"
    return f"{plain(verdict.changed)} {word} {plain(verdict.control)}"


def misleading_sentence(slug: str, comparison: Comparison, explanation: Explanation) -> str:
    """Which metric points the wrong way, with its numbers, and what to look at instead."""
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
    """The comparison with a covariate held still; empty when none explains the spread."""
    if isinstance(comparison.adjusted, Missing):
        return ""
    how = "equal in both" if comparison.covariate_is_equal else "at their mean difference"
    return (
        f"With {plain(comparison.covariate)} {how}, by a line through the replicates: "
        f"{ratio(comparison.adjusted.through(math.exp))} (control over changed)."
    )


def paragraph(comparison: Comparison, explanation: Explanation) -> str:
    """One comparison as an answer: what differs, what of it is explained, what is not."""
    sentences = [
        *(invalid_sentence(concern) for concern in invalidating(comparison, explanation)),
        headline(comparison, explanation),
        precision_sentence(comparison, explanation),
        adjusted_sentence(comparison),
        shares_sentence(comparison),
        unexplained_sentence(comparison),
        *interaction_sentences(comparison),
        *(misleading_sentence(slug, comparison, explanation) for slug in comparison.misleading),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def summary(explanation: Explanation, comparisons: tuple[Comparison, ...]) -> str:
    """The report in a few words: the paragraph of the comparison that moved most."""
    known = [item for item in comparisons if is_known(item.ln_ratio) or is_known(item.once)]
    if not known:
        return "Nothing can be compared: " + ("no pair of arms has times." if comparisons else "there is one arm.")
    return paragraph(max(known, key=moved_by), explanation)


def moved_by(comparison: Comparison) -> float:
    """How far the two arms are apart, in ln units, whichever is faster; 0 where it is not known."""
    if not isinstance(comparison.ln_ratio, Missing):
        return abs(comparison.ln_ratio.value)
    return 0.0 if isinstance(comparison.once, Missing) else abs(comparison.once.ln_ratio)


def invalidating(comparison: Comparison, explanation: Explanation) -> tuple[Concern, ...]:
    """The concerns that make this comparison answer another question than the one asked."""
    arms = ("", comparison.control, comparison.changed)
    return tuple(
        concern for concern in explanation.concerns if concern.weight is Weight.INVALIDATES and concern.arm in arms
    )


def invalid_sentence(concern: Concern) -> str:
    """A concern that comes before the answer."""
    return f"Invalid as it stands: {_ended(plain(concern.text))}"


def concern_sentence(concern: Concern) -> str:
    """A doubt and the arm it touches."""
    where = f" ({plain(concern.arm)})" if concern.arm else ""
    return f"{WEIGHT_WORDS[concern.weight]}{where}: {_ended(plain(concern.text))}"


def failure_sentence(arm: ArmSummary) -> str:
    """Why an arm could not go on."""
    return f"{plain(arm.arm)} failed: {_ended(plain(arm.failure))}"


def recommendation_sentence(recommendation: Recommendation) -> str:
    """What to change next, and what it gains."""
    gain = recommendation.gain
    arm = plain(recommendation.arm)
    if isinstance(gain, Missing):
        said = f"Use {arm}; its gain is not known: {_ended(plain(gain.reason))}"
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
        said.append(f"{plain(option.arm)}{gain}{told}: {_ended(plain(option.how))}")
    return said


def guesses_heading() -> str:
    """What stands above the answers to the usual guesses."""
    return "The usual guesses, answered:"


def cut_sentence() -> str:
    """What a recording that ended early is marked with."""
    return "This recording was cut short; everything below is from what was recorded until then."


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


def front_sentence(point: FrontPoint) -> str:
    """One arm of the Pareto front: how fast, how large, how alike."""
    parts = [ratio(point.speedup)]
    if is_known(point.size_bytes):
        parts.append(f"{number(point.size_bytes, MEGABYTES)} {MEGABYTES.unit}")
    if is_known(point.agreement):
        parts.append(f"agreement {percent(point.agreement, digits=3)}")
    return f"{plain(point.arm)}: {', '.join(parts)}"


def _sentence(text: str) -> str:
    """A text as a sentence; one that begins with an arm's name keeps it as it is written."""
    is_word = text.partition(" ")[0].isalpha()
    return _ended(plain(text[:1].upper() + text[1:] if is_word else text))


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."
