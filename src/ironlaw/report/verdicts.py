"""Verdicts in words: outcomes, experiments and shares of causes, and the unexplained part."""

from __future__ import annotations

import math

from ironlaw.causes import cause_of
from ironlaw.estimate import Estimate
from ironlaw.explanation import (
    CONTRIBUTION,
    ITSELF,
    NOT_RECORDED,
    NOT_TOGETHER,
    OPPOSED,
    CauseVerdict,
    Comparison,
    Design,
    Difference,
    Outcome,
)
from ironlaw.factor import Direction
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.report.quantity import PERCENT, TIME, number, percent, ratio, scale_for, shown, with_unit
from ironlaw.report.words import OUTCOME_WORDS, difference_word, ended, joined, sentence
from ironlaw.text import plain


def cause_sentence(verdict: CauseVerdict, comparison: Comparison, *, with_remarks: bool = True) -> str:
    """The verdict on one suspected cause of a comparison, in sentences; `with_remarks`, also what limits a confirmed
    one.
    """
    title = cause_of(verdict.cause).title
    if verdict.outcome is Outcome.CONSISTENT:
        why = f": {plain(verdict.reason)}" if verdict.reason else ""
        return f"Consistent with {title}{why}. No experiment tested it."
    start = title[:1].upper() + title[1:] + f": {OUTCOME_WORDS[verdict.outcome]}."
    sentences = [start, _experiment_sentence(verdict, comparison)]
    if verdict.reason and (with_remarks or verdict.outcome is not Outcome.CONFIRMED):
        sentences.append(sentence(verdict.reason))
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
    """The outcome of a cause and the size of its effect, where the whole sentence is elsewhere."""
    title = cause_of(verdict.cause).title
    start = f"{title[:1].upper() + title[1:]}: {OUTCOME_WORDS[verdict.outcome]}"
    if isinstance(verdict.effect, Missing):
        return f"{start}; {ended(plain(verdict.reason or verdict.effect.reason))}"
    return f"{start}, a factor of {ratio(verdict.effect.through(math.exp))}."


def same_experiment_sentence(verdict: CauseVerdict) -> str:
    """One that rests on an experiment that was reported before, for another comparison."""
    title = cause_of(verdict.cause).title
    return f"{title[:1].upper()}{title[1:]}: {OUTCOME_WORDS[verdict.outcome]} by the same experiment."


def _experiment_sentence(verdict: CauseVerdict, comparison: Comparison) -> str:
    if verdict.control is None or verdict.changed is None:
        return ""
    changed, control = plain(verdict.changed), plain(verdict.control)
    direction = verdict.predicts.value if verdict.predicts else Direction.FASTER.value
    if isinstance(verdict.effect, Missing):
        return f"{changed} against {control}: {ended(plain(verdict.effect.reason))}"
    effect = ratio(verdict.effect.through(math.exp))
    if verdict.design is not Design.PAIR:
        word = "grows" if opposes(verdict, comparison) is (verdict.effect.value > 0) else "shrinks"
        return _contribution_sentence(verdict, effect, word)
    if verdict.outcome is Outcome.CONFIRMED:
        tail = ", as predicted" if verdict.predicts else ""
        return f"{changed} is {effect} {direction} than {control}{tail}."
    if verdict.predicts:
        return f"{changed} was predicted {direction} than {control}; measured {effect} {direction}."
    return f"{changed} against {control} measured {effect} {direction}."


def _contribution_sentence(verdict: CauseVerdict, effect: str, word: str) -> str:
    """A cause read from more than one pair of arms: what the difference shrinks or `grows` by without it."""
    if verdict.design is Design.FACTORIAL:
        return f"By all combinations of the factors that differ, it is worth a factor of {effect}."
    arms = [plain(name) for name in (verdict.changed, verdict.others[1] if verdict.others else None) if name]
    return f"With the switch on both sides ({' against '.join(arms)}) the difference {word} by a factor of {effect}."


def effect_text(verdict: CauseVerdict) -> str:
    """The size of an experiment's effect, for a table; empty when no experiment gave one."""
    return "" if isinstance(verdict.effect, Missing) else ratio(verdict.effect.through(math.exp))


def name_of(verdict: CauseVerdict) -> str:
    """The cause, as the first word of a line."""
    title = cause_of(verdict.cause).title
    return title[:1].upper() + title[1:]


def decision_text(verdict: CauseVerdict) -> str:
    """What would decide a cause that is not confirmed, for a table; a dash where it is decided."""
    if verdict.outcome is Outcome.REFUTED:
        return "\N{EN DASH}"
    if verdict.outcome is Outcome.CONSISTENT:
        return "an experiment" if cause_of(verdict.cause).is_tested else "no experiment is known"
    return plain(
        verdict.decided_by or (verdict.effect.reason if isinstance(verdict.effect, Missing) else verdict.reason)
    )


def opposes(verdict: CauseVerdict, comparison: Comparison) -> bool:
    """Whether a cause works against the difference: without it, the difference would be larger."""
    part, whole = verdict.evidence.get(CONTRIBUTION, 0.0), comparison.ln_ratio
    if isinstance(part, Missing) or isinstance(whole, Missing):
        return False
    return part * whole.value < 0


def prediction_text(verdict: CauseVerdict) -> str:
    """The experiment and its prediction: fp32+malloc=retain faster than fp32; empty without an experiment."""
    if verdict.control is None or verdict.changed is None:
        return ""
    word = f"{verdict.predicts.value} than" if verdict.predicts else "against"
    return f"{plain(verdict.changed)} {word} {plain(verdict.control)}"


def shares_sentence(comparison: Comparison) -> str:
    """How much of the difference each confirmed cause is; in time where they oppose each other, empty without any."""
    confirmed = [verdict for verdict in comparison.causes if verdict.outcome is Outcome.CONFIRMED]
    if any(verdict.share == OPPOSED for verdict in confirmed):
        return _opposed_sentence(comparison, confirmed)
    if confirmed and comparison.difference is Difference.NONE_SHOWN:
        return _offset_sentence(comparison, confirmed)
    parts = [
        f"{name_of(verdict)}: {_share(verdict.share)} of the {difference_word(comparison)}{_in_time(verdict.saved_ns)}."
        for verdict in confirmed
        if is_known(verdict.share)
    ]
    return " ".join([*parts, *_without_a_share(comparison, confirmed)])


def _offset_sentence(comparison: Comparison, confirmed: list[CauseVerdict]) -> str:
    """That causes which are confirmed, though no difference is shown, do not explain one; empty if nothing offsets
    them.
    """
    rest = comparison.unexplained
    if isinstance(rest, Missing) or not rest.excludes(0.0):
        return ""
    named = joined([_with_effect(verdict) for verdict in confirmed])
    return f"Confirmed, but offset by what is unexplained: {named}."


def _without_a_share(comparison: Comparison, confirmed: list[CauseVerdict]) -> list[str]:
    """Of the causes that were not measured together with the others: that they are, and where their parts are."""
    apart = [verdict for verdict in confirmed if verdict.share == NOT_TOGETHER]
    if not apart:
        return []
    named = joined([_with_effect(verdict) for verdict in apart])
    verb, whose = ("is", "its part is") if len(apart) == 1 else ("are", "their parts are")
    start = f"{named[:1].upper()}{named[1:]} {verb} confirmed"
    if isinstance(comparison.unexplained, Missing):
        return [f"{start}; {whose} not known."]
    return [f"{start} too, but not measured together with the others: {whose} within what is unexplained."]


def _with_effect(verdict: CauseVerdict) -> str:
    effect = effect_text(verdict)
    return f"{cause_of(verdict.cause).title}{f' (a factor of {effect})' if effect else ''}"


def _opposed_sentence(comparison: Comparison, confirmed: list[CauseVerdict]) -> str:
    """Effects that work against each other, each by what it saves or costs."""
    parts = [
        f"{name_of(verdict)}: {_saving(verdict.saved_interval_ns)}."
        for verdict in confirmed
        if is_known(verdict.saved_interval_ns)
    ]
    parts += _without_a_share(comparison, confirmed)
    if is_known(comparison.unexplained_interval_ns):
        parts.append(f"Unexplained: {_saving(comparison.unexplained_interval_ns)}.")
    return f"Effects oppose each other. {' '.join(parts)}" if parts else ""


def _saving(saved: Maybe[Estimate]) -> str:
    assert not isinstance(saved, Missing)
    size = saved if saved.value >= 0 else saved.negated()
    scale = scale_for(TIME, [size.value])
    text = shown(size, scale)
    return f"{'saves' if saved.value >= 0 else 'costs'} {with_unit(text.value, scale)} {text.interval}"


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
    """A share, for a table; empty when there is none."""
    return "" if isinstance(share, Missing) else _share(share)


def unexplained_sentence(comparison: Comparison) -> str:
    """The part that the confirmed causes do not explain; empty if it was not computed, or is 0 by definition."""
    rest = comparison.unexplained
    if isinstance(rest, Missing):
        if rest in (NOT_RECORDED, ITSELF):  # the comparison itself is the experiment: it leaves nothing over
            return ""
        return f"The unexplained part is unknown: {plain(rest.reason)}."
    confirmed = [verdict for verdict in comparison.causes if verdict.outcome is Outcome.CONFIRMED]
    if not confirmed:
        is_shown = comparison.difference in (Difference.FASTER, Difference.SLOWER)
        rest_of_it = f" The whole {difference_word(comparison)} is unexplained." if is_shown else ""
        return f"No tested cause is confirmed.{rest_of_it}"
    pair = (comparison.control, comparison.changed)
    if [(verdict.control, verdict.changed) for verdict in confirmed] == [pair]:
        return ""
    if comparison.unexplained_share == OPPOSED:
        return ""  # it stands among the effects that work against each other
    factor = ratio(rest.through(math.exp))
    if not rest.excludes(0.0):
        return f"No unexplained part is shown: a factor of {factor}."
    whole, part = comparison.ln_ratio, ""
    if comparison.difference in (Difference.FASTER, Difference.SLOWER):
        share = comparison.unexplained_share
        if not isinstance(share, Missing):
            said = f"{_share(share)} of the {difference_word(comparison)}{_in_time(comparison.unexplained_ns)}"
            return f"Unexplained: {said}."
        elif is_known(whole) and 0 <= rest.value / whole.value <= 1:
            part = f", {percent(rest.value / whole.value)} of the {difference_word(comparison)}"
    return f"Unexplained: a factor of {factor}{part}."
