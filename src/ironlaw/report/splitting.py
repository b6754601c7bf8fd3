"""How a split is worded: its terms and their shares, what is not known or assumed, and the what-if times."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from ironlaw.estimate import Estimate
from ironlaw.explanation import (
    Comparison,
    OnceTerm,
    ReadOnce,
)
from ironlaw.explanation.split import Split, SplitTerm, Term
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.plan import Plan
from ironlaw.report.quantity import (
    PERCENT,
    TIME,
    Scale,
    decimal,
    number,
    quantity,
    scale_for,
    significant_decimals,
    with_unit,
)
from ironlaw.report.words import TERM_TITLES, unit_of_work
from ironlaw.text import plain

MODES_APART = (
    "Instructions and cycles per instruction are those of user mode; the kernel's are in the kernel time"  # said once
)
# What is swapped in "at int8's cycles per instruction, fp32 would take ..."; the others say nothing the times do not.
_WHAT_IF = {Term.CPI: "cycles per instruction", Term.INSTRUCTIONS: "instruction count", Term.KERNEL: "kernel time"}


_PARTS = {"cpi": "cycles per instruction"}


_OPPOSED = 0.1  # of the difference: what a term may cost before shares of a gain mislead


@dataclass(frozen=True, slots=True)
class SplitRow:
    """One term as it is printed: 9.1 ms [8.8, 9.4], 45 %.

    `share` is empty where nothing was shown to differ, and where large terms oppose each other: their times say it all.
    """

    title: str
    size: str
    share: str


def split_of(comparison: Comparison) -> Split | ReadOnce | Missing:
    """The split to show: with intervals, or of the times that were read once, or why there is none."""
    return comparison.split if isinstance(comparison.once, Missing) else comparison.once


def term_title(term: Term, known: Collection[Term]) -> str:
    """What a term is called among the terms that are known with it."""
    if term is Term.CPU_TIME and Term.KERNEL in known:
        return "user cycles" if Term.FREQUENCY in known else "user time"
    if term is Term.CPU_TIME and Term.FREQUENCY in known:
        return "cycles"
    return TERM_TITLES[term]


def split_rows(split: Split | ReadOnce) -> list[SplitRow]:
    """The known terms in their order, each followed by its parts."""
    sizes = _sizes(split)
    scale = scale_for(TIME, [ns.value if isinstance(ns, Estimate) else ns for ns, _ in sizes.values()])
    # Seen once, how many digits hold is unknown: three of the largest term, and the others to the same place.
    once = [abs(ns) / scale.size for ns, _ in sizes.values() if isinstance(ns, float)]
    decimals = significant_decimals(max(once, default=0.0))
    rows = []
    for term, (ns, share) in sizes.items():
        if isinstance(ns, Estimate):
            size = quantity(ns, scale, null=0.0)
        else:
            size = with_unit(decimal(ns / scale.size, decimals), scale)
        rows.append(SplitRow(term_title(term, sizes), size, _percent(share)))
        if isinstance(split, Split):
            rows += _part_rows(split, term, scale)
    opposed = any(is_known(share) and not -_OPPOSED <= share <= 1 + _OPPOSED for _, share in sizes.values())
    return [replace(row, share="") for row in rows] if opposed else rows


def rows_that_matter(rows: list[SplitRow]) -> list[SplitRow]:
    """The rows without those whose share rounds to nothing; all of them where no share is known."""
    return [row for row in rows if row.share != with_unit("0", PERCENT)] or rows


def _sizes(split: Split | ReadOnce) -> dict[Term, tuple[Estimate | float, Maybe[float]]]:
    """Each known term's ns and share, in the order of the terms."""
    if isinstance(split, Split):
        known = {term: value for term in Term if isinstance(value := split.terms.get(term), SplitTerm)}
        return {term: (value.ns, split.share(value.ln)) for term, value in known.items()}
    once = {term: bare for term in Term if isinstance(bare := split.terms.get(term), OnceTerm)}
    return {term: (bare.ns, split.share(bare.ln)) for term, bare in once.items()}


def _part_rows(split: Split, term: Term, scale: Scale) -> list[SplitRow]:
    return [
        SplitRow(
            f"  {_PARTS.get(name, plain(name))}", quantity(part.ns, scale, null=0.0), _percent(split.share(part.ln))
        )
        for name, part in split.parts.get(term, {}).items()
        if isinstance(part, SplitTerm)
    ]


def _percent(share: Maybe[float]) -> str:
    return "" if isinstance(share, Missing) else with_unit(decimal(share / PERCENT.size, 0), PERCENT)


def lost_terms(split: Split | ReadOnce) -> dict[Term, Missing]:
    """The terms that are not known, each with its reason.

    CPU time is another way to write instructions, CPI and frequency: with them known, it is not lost.
    """
    known = _sizes(split)
    lost = {term: value for term in Term if isinstance(value := split.terms.get(term), Missing)}
    if Term.INSTRUCTIONS in known:
        lost.pop(Term.CPU_TIME, None)
    return lost


def split_remarks(split: Split | ReadOnce) -> list[str]:
    """What qualifies the known terms: which counts they are of, and what was assumed."""
    has_modes = {Term.INSTRUCTIONS, Term.KERNEL} <= _sizes(split).keys()
    modes = [f"{MODES_APART}."] if has_modes else []
    return modes + [f"Assumed: {plain(assumption)}." for assumption in split.assumptions]


def what_if_sentence(comparison: Comparison, plan: Maybe[Plan]) -> str:
    """The control's time, had one term been the other arm's; empty when no such time is known."""
    times: dict[Term, Estimate | float] = {item.term: item.wall_ns for item in comparison.counterfactuals}
    if not isinstance(comparison.once, Missing):
        times |= comparison.once.counterfactuals_ns
    asked = [(what, times[term]) for term, what in _WHAT_IF.items() if term in times]
    if not asked:
        return ""
    (what, time), *others = asked
    said = (
        f"With {plain(comparison.changed)}'s {what} and all else equal, {plain(comparison.control)} would take "
        f"{_time(time)} per {unit_of_work(plan)}"
    )
    return "; ".join([said, *(f"with its {what}, {_time(time)}" for what, time in others)]) + "."


def _time(time: Estimate | float) -> str:
    scale = scale_for(TIME, [time.value if isinstance(time, Estimate) else time])
    if isinstance(time, Estimate):
        return quantity(time, scale)
    return with_unit(number(time, scale, digits=4), scale)
