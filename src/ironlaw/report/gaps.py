"""What is not known, each reason once: columns without a value, terms of the splits, doubts that say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ironlaw.concern import Concern, Weight
from ironlaw.explanation import Comparison, Explanation, Term
from ironlaw.missing import Missing
from ironlaw.report import words
from ironlaw.report.columns import Lost
from ironlaw.report.splitting import lost_terms, split_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Columns of the table and terms of the splits that no arm has, and the reason they share."""

    columns: tuple[str, ...]
    terms: tuple[str, ...]
    reason: str


def gaps(lost: Sequence[Lost], comparisons: Sequence[Comparison]) -> list[Gap]:
    """Every reason for a gap once, with all that it took away.

    A reason that quotes another one (cycles were not counted, since the kernel refused them) is told with it.
    """
    found = {item.reason: Gap(columns=item.titles, terms=(), reason=item.reason) for item in lost}
    for comparison in comparisons:
        split = split_of(comparison)
        for term, value in {} if isinstance(split, Missing) else lost_terms(split).items():
            root = next((reason for reason in found if reason in value.reason), value.reason)
            found[root] = _with_term(found.get(root, Gap(columns=(), terms=(), reason=root)), term)
    return list(found.values())


def _with_term(gap: Gap, term: Term) -> Gap:
    title = words.TERM_TITLES[term]
    return gap if title in gap.terms else replace(gap, terms=(*gap.terms, title))


def gap_sentence(gap: Gap) -> str:
    """What is not there, why, and what brings it back."""
    lost = words.joined(list(gap.columns))
    terms = f"{words.joined(list(gap.terms))} of the splits" if gap.terms else ""
    what = "; nor ".join(part for part in (lost, terms) if part)
    step = words.remedy(gap.reason)
    return f"Not known: {what}: {words.plain(gap.reason)}." + (f" To get it: {step}." if step else "")


def without_told(text: str, told: Sequence[Gap]) -> str:
    """A text without the reasons that were told before."""
    for gap in told:
        text = text.replace(f" ({gap.reason})", "").replace(gap.reason, "for the reason given above")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A concern, and all arms that have it in the same words."""

    concern: Concern
    arms: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The doubt and the arms it touches."""
        return words.concern_sentence(replace(self.concern, arm=", ".join(self.arms)))


def doubts(explanation: Explanation, *, told: Sequence[Gap] = ()) -> list[Doubt]:
    """The concerns, the heaviest first; the same words about several arms once.

    One about the whole recording whose reason a gap has `told` is left out.
    """
    by_words: dict[tuple[Weight, str, str], list[Concern]] = {}
    for concern in explanation.concerns:
        is_told = not concern.arm and any(gap.reason in concern.text for gap in told)
        if not is_told:
            by_words.setdefault((concern.weight, concern.text, concern.fix), []).append(concern)
    found = [
        Doubt(concern=concerns[0], arms=tuple(dict.fromkeys(concern.arm for concern in concerns if concern.arm)))
        for concerns in by_words.values()
    ]
    return sorted(found, key=lambda doubt: list(Weight).index(doubt.concern.weight))
