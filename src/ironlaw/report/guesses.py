"""The usual guesses about a quantized network, each answered by name for the widest comparison of a recording.

They are those of the blog post that this project grew from: fewer cache misses since parameters are smaller, less
parameter transfer, fusion as graph reduction, a higher IPC since operations are lighter, fewer context switches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

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
    Term,
)
from ironlaw.missing import Missing, is_known
from ironlaw.report.quantity import BYTES, TIME, amount, percent, quantity, ratio, scale_for
from ironlaw.report.verdicts import brief_sentence
from ironlaw.report.words import OUTCOME_WORDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A guess, what became of it, and on which evidence."""

    guess: str
    answer: str  # confirmed, refuted, undecided, consistent, or not tested
    evidence: tuple[str, ...]


NOT_TESTED = "not tested"


def guesses(explanation: Explanation) -> tuple[Guess, ...]:
    """The guesses and their answers; none where nothing was tested."""
    tested = [item for item in explanation.comparisons if item.causes and is_known(item.ln_ratio)]
    if not tested:
        return ()
    widest = max(tested, key=lambda item: abs(item.ln_ratio.value) if not isinstance(item.ln_ratio, Missing) else 0)
    verdicts = {verdict.cause: verdict for verdict in widest.causes}
    return (
        _from_verdicts(
            "fewer cache misses, because the parameters are smaller", verdicts, "cache-fit", "weight-traffic"
        ),
        _transfer(verdicts),
        _fusion(explanation, verdicts),
        _lighter(widest),
        _from_verdicts("fewer context switches", verdicts, "context-switches"),
    )


def _from_verdicts(guess: str, verdicts: dict[str, CauseVerdict], *causes: str) -> Guess:
    found = [verdicts[cause] for cause in causes if cause in verdicts]
    if not found:
        return Guess(guess=guess, answer=NOT_TESTED, evidence=("no experiment of this recording tests it.",))
    outcomes = {verdict.outcome for verdict in found}
    # One mechanism confirmed is enough for the guess; all must be refuted for it to be.
    for outcome in (Outcome.CONFIRMED, Outcome.UNDECIDED, Outcome.CONSISTENT, Outcome.REFUTED):
        if outcome in outcomes:
            return Guess(guess=guess, answer=OUTCOME_WORDS[outcome], evidence=tuple(map(brief_sentence, found)))
    raise AssertionError("a verdict has one of four outcomes")


def _transfer(verdicts: dict[str, CauseVerdict]) -> Guess:
    guess = _from_verdicts("less time to transfer parameters", verdicts, "weight-traffic")
    evidence = verdicts["weight-traffic"].evidence if "weight-traffic" in verdicts else {}
    told = [evidence.get(name, NOT_RECORDED) for name in (SAVED_BYTES, SAVED_NS, SAVED_SHARE)]
    if any(isinstance(value, Missing) for value in told):
        return guess
    saved, took_ns, share = (value for value in told if not isinstance(value, Missing))
    said = (
        f"Reading the {amount(saved, BYTES)} of weights that are saved takes {amount(took_ns, TIME)} at the measured "
        f"bandwidth, if none of them is in a cache: {percent(share)} of the time saved."
    )
    worth = verdicts["weight-traffic"].saved_ns
    if not isinstance(worth, Missing) and worth > took_ns:
        said += f" Aliasing them saved {amount(worth, TIME)}, more than that: it is not bandwidth alone."
    return replace(guess, evidence=(*guess.evidence, said))


def _fusion(explanation: Explanation, verdicts: dict[str, CauseVerdict]) -> Guess:
    rows = {row.arm: row for row in explanation.arms}
    evidence = [brief_sentence(verdicts["fusion"])] if "fusion" in verdicts else []
    steps = [(rows[name], rows[f"{name}+fused"]) for name in rows if f"{name}+fused" in rows and "=" not in name]
    for before, after in steps:
        evidence += _reduction(before, after)
    answer = OUTCOME_WORDS[verdicts["fusion"].outcome] if "fusion" in verdicts else NOT_TESTED
    if "fusion" in verdicts and verdicts["fusion"].outcome is Outcome.CONFIRMED:
        # That fusing helps is shown; that it does so by there being fewer operators is the guess, and is not.
        answer = OUTCOME_WORDS[Outcome.CONSISTENT]
        evidence.append("That it helps is shown; whether by fewer calls or by fewer stores, no experiment tells apart.")
    return Guess(
        guess="fusion is plain graph reduction",
        answer=answer,
        evidence=tuple(evidence) or ("no pair of arms differs in fusion alone.",),
    )


def _reduction(before: ArmSummary, after: ArmSummary) -> list[str]:
    """A sentence on what fusing changed; none where nothing is known of one of the two."""
    parts = []
    if is_known(before.operators) and is_known(after.operators):
        parts.append(f"operators {before.operators:.0f} to {after.operators:.0f}")
    if is_known(before.wall_ns) and is_known(after.wall_ns):
        scale = scale_for(TIME, [before.wall_ns.value])
        parts.append(f"time {quantity(before.wall_ns, scale)} to {quantity(after.wall_ns, scale)}")
    if is_known(before.instructions) and is_known(after.instructions):
        parts.append(f"instructions to {percent(after.instructions / before.instructions)}")
    return [f"{before.arm} to {after.arm}: {', '.join(parts)}."] if parts else []


def _lighter(comparison: Comparison) -> Guess:
    guess = "IPC rose, because the operations are lighter"
    if isinstance(comparison.split, Missing) or comparison.difference is Difference.UNPROVEN:
        return Guess(guess=guess, answer=NOT_TESTED, evidence=("there is no split to read it from.",))
    cpi = comparison.split.terms.get(Term.CPI)
    if cpi is None or isinstance(cpi, Missing):
        reason = "cycles per instruction were not counted" if cpi is None else cpi.reason
        return Guess(guess=guess, answer=NOT_TESTED, evidence=(f"{reason}.",))
    moved = ratio(cpi.ln.through(math.exp))
    if not cpi.ln.excludes(0.0):
        return Guess(guess=guess, answer="undecided", evidence=(f"cycles per instruction changed by {moved}.",))
    risen = cpi.ln.value > 0
    return Guess(
        guess=guess,
        answer="consistent" if risen else "refuted",
        evidence=(
            f"cycles per instruction {'fell' if risen else 'rose'} by a factor of {moved}; the split says how much "
            "time that is, and not why: see the causes.",
        ),
    )


def guesses_heading() -> str:
    """What stands above the answers to the usual guesses."""
    return "The usual guesses, answered:"
