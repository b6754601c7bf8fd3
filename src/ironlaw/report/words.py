"""The words that every output shares."""

from __future__ import annotations

from ironlaw.concern import Weight
from ironlaw.explanation import (
    Comparison,
    Difference,
    Outcome,
)
from ironlaw.explanation.split import Term
from ironlaw.missing import Maybe, Missing
from ironlaw.phase import WHOLE
from ironlaw.plan import Plan
from ironlaw.text import plain
from ironlaw.variant import PHASE

TERM_TITLES: dict[Term, str] = {
    Term.INSTRUCTIONS: "instructions",
    Term.CPI: "cycles per instruction",
    Term.FREQUENCY: "clock frequency",
    Term.UTILISATION: "CPU utilisation",
    Term.KERNEL: "kernel time",
    Term.CPU_TIME: "CPU time",
}

DIFFERENCE_WORDS: dict[Difference, str] = {
    Difference.FASTER: "faster",
    Difference.SLOWER: "slower",
    Difference.NONE_SHOWN: "none shown",
    Difference.UNPROVEN: "unproven",
}

OUTCOME_WORDS: dict[Outcome, str] = {
    Outcome.CONFIRMED: "confirmed",
    Outcome.REFUTED: "refuted",
    Outcome.UNDECIDED: "undecided",
    Outcome.CONSISTENT: "consistent with",
}

# Also distinguished by shape, for readers without colour.
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

# Concerns that come many at a time with the same beginning, and that beginning: shown as one list.
LISTED: dict[str, str] = {"table-lacks": "the table lacks", "file-lacks": "the files do not show"}


def unit_of_work(plan: Maybe[Plan]) -> str:
    """What one inference is called: an image, a batch, or just that for a user's own program; without a plan a run."""
    if isinstance(plan, Missing):
        return "run"
    if len(plan.points()) > 1:
        return "inference"
    if plan.batch > 1:
        return f"batch of {plan.batch}"
    if any(arm.variant.level(PHASE) != WHOLE for arm in plan.arms):
        return "inference"
    if any(arm.factory is not None for arm in plan.arms) or any(mark in plan.model for mark in (":", "/", ".onnx")):
        return "inference"
    return "image"


def joined(names: list[str]) -> str:
    """Names as a sentence lists them: a, b and c."""
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def difference_word(comparison: Comparison) -> str:
    """What the comparison's difference is called when parts of it are named."""
    return {Difference.FASTER: "gain", Difference.SLOWER: "loss"}.get(comparison.difference, "difference")


def sentence(text: str) -> str:
    """A text as a sentence; one that begins with an arm's name keeps it as it is written."""
    is_word = text.partition(" ")[0].isalpha()
    return ended(plain(text[:1].upper() + text[1:] if is_word else text))


def ended(text: str) -> str:
    """A text with a full stop, unless it ends in punctuation that closes a sentence."""
    return text if text.endswith((".", "!", "?")) else text + "."
