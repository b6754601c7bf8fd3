"""What is unknown, each reason once: columns without a value and terms of the splits, with the fix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ironlaw.explanation import (
    Comparison,
)
from ironlaw.explanation.split import Term
from ironlaw.missing import Missing, Remedy
from ironlaw.report import words
from ironlaw.report.columns import LostColumns
from ironlaw.report.splitting import lost_terms, split_of
from ironlaw.text import plain

_NO_PMU = "run on bare metal, or on an instance type that exposes its PMU; see `ironlaw doctor`"
_STEPS = {
    Remedy.COUNT: "run again without --no-counters",
    Remedy.ALLOW_COUNTING: "sudo sysctl kernel.perf_event_paranoid=1",
    Remedy.GRANT_COUNTING: "run as root or with CAP_PERFMON (in a container: --cap-add PERFMON)",
    Remedy.EXPOSE_PMU: "see `ironlaw doctor`",  # the reason names bare metal and virtual machines
    Remedy.FREE_PMU: "ask for fewer events at a time, or stop other users of the PMU",
}

# Recordings that were made before remedies were recorded have the reason alone, in these words; the first that fits
# is used. Nothing new belongs here: what makes a gap states its Remedy.
_WORDS_OF_OLD_REASONS: tuple[tuple[str, str], ...] = (
    ("--no-counters", "run again without --no-counters"),
    ("use bare metal", "see `ironlaw doctor`"),
    ("paranoid", "sudo sysctl kernel.perf_event_paranoid=1"),
    ("EACCES", "sudo sysctl kernel.perf_event_paranoid=1"),
    ("EPERM", "sudo sysctl kernel.perf_event_paranoid=1 (in a container also: --cap-add PERFMON)"),
    ("PMU", _NO_PMU),
    ("ENOENT", _NO_PMU),
    ("ENODEV", _NO_PMU),
    ("multiplexed", "ask for fewer events at a time, or stop other users of the PMU"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Columns of the table and terms of the splits that no arm has, the reason they share, and its remedy."""

    columns: tuple[str, ...]
    terms: tuple[str, ...]
    reason: str
    remedy: Remedy | None = None

    def step(self) -> str:
        """The command or step that fixes the gap; empty if none is known."""
        return _STEPS[self.remedy] if self.remedy else _step_of_old_reason(self.reason)


def gaps(lost: Sequence[LostColumns], comparisons: Sequence[Comparison]) -> list[Gap]:
    """Collect the gaps, each reason once with all columns and terms that it affects.

    A reason that quotes another one (cycles were not counted, since the kernel refused them) goes with it.
    """
    found = {item.reason: Gap(columns=item.titles, terms=(), reason=item.reason, remedy=item.remedy) for item in lost}
    for comparison in comparisons:
        split = split_of(comparison)
        for term, value in {} if isinstance(split, Missing) else lost_terms(split).items():
            root = next((reason for reason in found if reason in value.reason), value.reason)
            new = Gap(columns=(), terms=(), reason=root, remedy=value.remedy)
            found[root] = _with_term(found.get(root, new), term)
    return list(found.values())


def _with_term(gap: Gap, term: Term) -> Gap:
    title = words.TERM_TITLES[term]
    return gap if title in gap.terms else replace(gap, terms=(*gap.terms, title))


def gap_sentence(gap: Gap, *, is_brief: bool = False, with_terms: bool = True) -> str:
    """What is unknown, the reason, and the fix; `is_brief` omits advice that is part of the reason.

    Without `with_terms`, terms of the splits are left out where columns are unknown as well.
    """
    lost = words.joined(list(gap.columns))
    terms = f"in the splits, {words.joined(list(gap.terms))}" if gap.terms and (with_terms or not lost) else ""
    what = "; ".join(part for part in (lost, terms) if part)
    step = gap.step()
    reason = gap.reason.partition("; ")[0] if is_brief and step else gap.reason
    return f"Unknown: {what}. Reason: {plain(reason)}." + (f" Fix: {step}." if step else "")


def _step_of_old_reason(reason: str) -> str:
    return next((step for word, step in _WORDS_OF_OLD_REASONS if word.lower() in reason.lower()), "")
