"""What qualifies a recording's results: its control, how it ended, its concerns."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ironlaw.causes.process_layout import CAUSE as PROCESS_LAYOUT
from ironlaw.concern import Concern, Weight
from ironlaw.experiment import CauseState
from ironlaw.explanation import Comparison, Difference, Explanation
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.report.failures import without_failures
from ironlaw.report.gaps import Gap
from ironlaw.report.quantity import percent, ratio
from ironlaw.report.words import WEIGHT_WORDS, ended
from ironlaw.text import plain


def stopped_sentence(explanation: Explanation) -> str:
    """That the run stopped early, and why; empty when it did not."""
    plan = explanation.plan
    if isinstance(plan, Missing):
        return ""
    count = max((len(comparison.replicates) for comparison in explanation.comparisons), default=0)
    if explanation.stopped_when_settled:
        why = "every difference and every experiment is decided"
        if any(one.state not in (CauseState.CONFIRMED, CauseState.REFUTED) for one in plan.standings):
            why = "every difference is decided, and no experiment left would be within the budget"
        return f"Stopped early, after {count} replicates: {why}."
    if plan.schedule.precision is None or not explanation.stopped_on_precision:
        return ""
    goal = percent(plan.schedule.precision)
    return f"Stopped early, after {count} replicates: every interval requested is within ±{goal}."


def why_unproven(explanation: Explanation) -> str:
    """Why no claim of this recording is proven, from what its control showed."""
    check = explanation.control_check
    if isinstance(check, Missing):
        return f"no control shows how large a difference noise alone makes ({plain(check.reason)})"
    moved = _moved(check)
    if isinstance(moved, Missing):
        return f"the control could not be compared with itself ({plain(moved.reason)})"
    return f"the control against itself is {moved}, so no claim is made"


def control_sentence(explanation: Explanation) -> str:
    """What the control's comparison with itself shows about this recording."""
    check = explanation.control_check
    if isinstance(check, Missing):
        return f"No control: {plain(check.reason)}."
    moved = _moved(check)
    if isinstance(moved, Missing):
        return f"No control: {plain(moved.reason)}."
    name = plain(check.control)
    if check.difference is Difference.NONE_SHOWN and is_known(check.ln_ratio) and check.ln_ratio.excludes(0.0):
        return f"Control: {name} against itself is {moved}: too small to cast doubt on larger differences."
    if check.difference is Difference.NONE_SHOWN:
        return f"Control: {name} against itself is {moved}: no difference, as expected."
    if any(one.difference in (Difference.FASTER, Difference.SLOWER) for one in explanation.comparisons):
        return f"Control: {name} against itself is {moved}: only differences of ten times as much are proven."
    return f"Control: {name} against itself is {moved}: they differ, so no claim of this recording is proven."


def _moved(check: Comparison) -> Maybe[str]:
    """The control's ratio to itself in words."""
    return check.ln_ratio if isinstance(check.ln_ratio, Missing) else ratio(check.ln_ratio.through(math.exp))


def cut_sentence() -> str:
    """The sentence that marks a recording cut short."""
    return "This recording was cut short; everything below is based on what was recorded before."


# Where the first clause of a concern ends: a semicolon, a colon or a bracket; not the point of a number or a path.
_FIRST_CLAUSE = re.compile(r"[;:] | \(|\. |\.$")


def concern_sentence(concern: Concern) -> str:
    """A doubt and the arm it touches."""
    where = f" ({plain(concern.arm)})" if concern.arm else ""
    return f"{WEIGHT_WORDS[concern.weight]}{where}: {ended(plain(concern.text))}"


def invalidating(comparison: Comparison, explanation: Explanation) -> tuple[Concern, ...]:
    """The concerns that make this comparison answer another question than the one asked."""
    arms = ("", comparison.control, comparison.changed)
    return tuple(
        concern for concern in explanation.concerns if concern.weight is Weight.INVALIDATES and concern.arm in arms
    )


def invalid_sentence(concern: Concern) -> str:
    """An invalidating concern, as a sentence before the answer; its arm is named where the text does not begin so."""
    where = f" ({plain(concern.arm)})" if concern.arm and not concern.text.startswith(concern.arm) else ""
    return f"Invalid comparison{where}: {ended(plain(concern.text))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A concern, and all arms that have it in the same words."""

    concern: Concern
    arms: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The doubt and the arms it touches."""
        return concern_sentence(replace(self.concern, arm=", ".join(self.arms)))


def brief_concern_sentence(doubt: Doubt) -> str:
    """A concern by its first clause, for a line of its own, which the names of several arms would fill."""
    names = [plain(arm) for arm in doubt.arms]
    where = f" ({f'{len(names)} arms' if len(names) > 1 else names[0]})" if names else ""
    return f"{WEIGHT_WORDS[doubt.concern.weight]}{where}: {_FIRST_CLAUSE.split(plain(doubt.concern.text))[0]}."


def doubts(explanation: Explanation, *, above: Sequence[Gap] = ()) -> list[Doubt]:
    """The concerns, as `together` has them, without failed arms, which `stopped_arms` reports.

    Left out are also those of the whole recording whose reason a gap `above` states.
    """
    return together(
        concern
        for concern in without_failures(explanation.concerns, explanation)
        if concern.arm or not any(gap.reason in concern.text for gap in above)
    )


def together(concerns: Iterable[Concern]) -> list[Doubt]:
    """The heaviest first; the same words about several arms once."""
    by_words: dict[tuple[Weight, str, str], list[Concern]] = {}
    for concern in _folded(tuple(concerns)):
        by_words.setdefault((concern.weight, concern.text, concern.fix), []).append(concern)
    found = [
        Doubt(concern=concerns[0], arms=tuple(dict.fromkeys(concern.arm for concern in concerns if concern.arm)))
        for concerns in by_words.values()
    ]
    return sorted(found, key=lambda doubt: list(Weight).index(doubt.concern.weight))


# What several arms of a busy machine have, each in numbers of its own; those stay in the JSON document.
_OF_SEVERAL = {
    "skewed-arm": "a tail shifts the mean of each from its median; see the JSON for how far, and in which replicates",
    PROCESS_LAYOUT.slug: "the replicates of each differ, in correlation with a counter; see the JSON for "
    "which, and how far",
    "layer-reading-disturbs": "reading layers changes their speed-ups by more than 3 %: their ledgers are approximate; "
    "see ironlaw layers FILE --changed ARM",
    "layers-unattributed": "the layers of each took over 3 % more, or less, than all of it; "
    "see ironlaw layers FILE --changed ARM",
}


def _folded(concerns: Sequence[Concern]) -> list[Concern]:
    """The concerns, where several arms have one of a kind in words that they share."""
    arms = Counter(concern.slug for concern in concerns if concern.slug in _OF_SEVERAL)
    return [
        replace(concern, text=_OF_SEVERAL[concern.slug]) if arms[concern.slug] > 1 else concern for concern in concerns
    ]
