"""Published guesses about a quantized network, each answered by name for the widest comparison of float with int8.

They are those of the blog post that this project grew from; the causes that answer each name it. The blog post
asks why int8 is faster than float and makes no claim about two arms in the same number format.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ironlaw.cause import Guess
from ironlaw.causes import CAUSES
from ironlaw.explanation import (
    NOT_RECORDED,
    SAVED_BYTES,
    SAVED_NS,
    SAVED_SHARE,
    ArmSummary,
    CauseVerdict,
    Comparison,
    Difference,
    Explanation,
    Outcome,
)
from ironlaw.explanation.split import Term
from ironlaw.factors import FACTORS
from ironlaw.missing import Missing, is_known
from ironlaw.report.quantity import BYTES, TIME, amount, percent, quantity, ratio, scale_for
from ironlaw.report.verdicts import brief_sentence
from ironlaw.report.words import OUTCOME_WORDS, TERM_TITLES


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredGuess:
    """A guess, what became of it, and on which evidence."""

    guess: str
    answer: str  # confirmed, refuted, undecided, consistent, or not tested
    evidence: tuple[str, ...]


NOT_TESTED = "not tested"


def guesses(explanation: Explanation) -> tuple[AnsweredGuess, ...]:
    """The guesses and their answers; none where no comparison of float with int8 was tested."""
    computes_int8 = {row.arm: row.computes_int8 for row in explanation.arms}
    tested = [
        item
        for item in explanation.comparisons
        if item.causes
        and is_known(item.ln_ratio)
        and {computes_int8.get(item.control), computes_int8.get(item.changed)} == {True, False}
    ]
    if not tested:
        return ()
    widest = max(tested, key=lambda item: abs(item.ln_ratio.value) if not isinstance(item.ln_ratio, Missing) else 0)
    verdicts = widest.foremost()
    by_guess: dict[Guess, list[CauseVerdict]] = {}
    for slug, cause in CAUSES.items():
        for guess in cause.guesses:
            by_guess.setdefault(guess, []).extend([verdicts[slug]] if slug in verdicts else [])
    return tuple(
        _answered(guess, by_guess[guess], explanation, widest) for guess in sorted(by_guess, key=lambda one: one.place)
    )


def _answered(guess: Guess, found: list[CauseVerdict], explanation: Explanation, widest: Comparison) -> AnsweredGuess:
    if guess.term is not None:
        return _by_term(guess.text, widest, guess.term)
    answer, evidence = _by_verdicts(found)
    if guess.counts_bytes:
        evidence += [said for verdict in found if (said := _bytes_sentence(verdict))]
    if guess.level is not None:
        evidence += _steps(explanation, *guess.level)
    if guess.beyond and answer == OUTCOME_WORDS[Outcome.CONFIRMED]:
        answer = OUTCOME_WORDS[Outcome.CONSISTENT]
        evidence.append(guess.beyond)
    untested = "no experiment of this recording tests it."
    if guess.level is not None:
        untested = f"no pair of arms differs in {guess.level[0]} alone."
    return AnsweredGuess(guess=guess.text, answer=answer, evidence=tuple(evidence) or (untested,))


def _by_verdicts(found: list[CauseVerdict]) -> tuple[str, list[str]]:
    """One mechanism confirmed is enough for a guess; all must be refuted for it to be."""
    outcomes = {verdict.outcome for verdict in found}
    order = (Outcome.CONFIRMED, Outcome.UNDECIDED, Outcome.CONSISTENT, Outcome.REFUTED)
    answer = next((OUTCOME_WORDS[outcome] for outcome in order if outcome in outcomes), NOT_TESTED)
    return answer, [brief_sentence(verdict) for verdict in found]


def _bytes_sentence(verdict: CauseVerdict) -> str:
    """How long the bytes that are saved would take to read; empty where bandwidth or sizes are unknown."""
    known = [verdict.evidence.get(name, NOT_RECORDED) for name in (SAVED_BYTES, SAVED_NS, SAVED_SHARE)]
    if any(isinstance(value, Missing) for value in known):
        return ""
    saved, took_ns, share = (value for value in known if not isinstance(value, Missing))
    said = (
        f"Reading the {amount(saved, BYTES)} of weights that are saved takes {amount(took_ns, TIME)} at the measured "
        f"bandwidth, if none of them is in a cache: {percent(share)} of the time saved."
    )
    worth = verdict.saved_ns
    if not isinstance(worth, Missing) and worth > took_ns:
        said += f" Aliasing them saved {amount(worth, TIME)}, more than that: it is not bandwidth alone."
    return said


def _steps(explanation: Explanation, factor: str, level: str) -> list[str]:
    """A sentence for each pair of arms that differ in that level alone."""
    rows = {row.arm: row for row in explanation.arms}
    part = FACTORS[factor].alone.get(level, f"{factor}={level}")
    pairs = [
        (row, rows[f"{name}+{part}"]) for name, row in rows.items() if f"{name}+{part}" in rows and "=" not in name
    ]
    return [sentence for before, after in pairs for sentence in _reduction(before, after)]


def _reduction(before: ArmSummary, after: ArmSummary) -> list[str]:
    """A sentence on what the level changed; none where nothing is known of one of the two."""
    parts = []
    if is_known(before.operators) and is_known(after.operators):
        parts.append(f"operators {before.operators:.0f} to {after.operators:.0f}")
    if is_known(before.wall_ns) and is_known(after.wall_ns):
        scale = scale_for(TIME, [before.wall_ns.value])
        parts.append(f"time {quantity(before.wall_ns, scale)} to {quantity(after.wall_ns, scale)}")
    if is_known(before.instructions) and is_known(after.instructions):
        parts.append(f"instructions to {percent(after.instructions / before.instructions)}")
    return [f"{before.arm} to {after.arm}: {', '.join(parts)}."] if parts else []


def _by_term(guess: str, comparison: Comparison, term: Term) -> AnsweredGuess:
    """The split's answer: the guess is that this term made the changed arm faster."""
    if isinstance(comparison.split, Missing) or comparison.difference is Difference.UNPROVEN:
        return AnsweredGuess(guess=guess, answer=NOT_TESTED, evidence=("there is no split that shows it.",))
    title = TERM_TITLES[term]
    part = comparison.split.terms.get(term)
    if part is None or isinstance(part, Missing):
        reason = f"{title} were not counted" if part is None else part.reason
        return AnsweredGuess(guess=guess, answer=NOT_TESTED, evidence=(f"{reason}.",))
    moved = ratio(part.ln.through(math.exp))
    if not part.ln.excludes(0.0):
        return AnsweredGuess(guess=guess, answer="undecided", evidence=(f"{title} changed by {moved}.",))
    has_fallen = part.ln.value > 0
    return AnsweredGuess(
        guess=guess,
        answer="consistent" if has_fallen else "refuted",
        evidence=(
            f"{title} {'fell' if has_fallen else 'rose'} by a factor of {moved}; the split shows how much "
            "time that is, but not why: see the causes.",
        ),
    )


def guesses_heading() -> str:
    """The heading above the answers to published guesses."""
    return "Published guesses, tested:"
