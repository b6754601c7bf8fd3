"""Views of a ledger: ordered, grouped by block or kind, cut to its largest rows, or as a timeline. Sums are
preserved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum

from ironlaw.analysis.layers.code import executed_together
from ironlaw.explanation.split import Ledger, LedgerRow, Span, Term
from ironlaw.missing import Maybe, Missing, first_missing

LAYER_FATES = ("both", "appeared", "vanished")
OUTSIDE = "(outside of blocks)"
_ADDING = ("macs", "bytes", "ceiling_ns", "gap_ns", "page_faults", "instructions")


class Order(Enum):
    """The order of rows."""

    CONTRIBUTION = "contribution"  # what moved most first, whichever way
    EXECUTION = "execution"


class By(Enum):
    """What a row stands for: a layer, a block or a kind."""

    LAYER = "layer"
    KIND = "kind"
    BLOCK = "block"


def viewed(
    ledger: Ledger, *, by: By = By.LAYER, depth: int = 1, order: Order = Order.CONTRIBUTION
) -> tuple[LedgerRow, ...]:
    """Group and order the rows of a ledger; the framework and the unattributed rest stay at the end."""
    layers = [row for row in ledger.rows if row.fate in LAYER_FATES]
    others = [row for row in ledger.rows if row.fate not in LAYER_FATES]
    match by:
        case By.KIND:
            layers = _grouped(layers, lambda row: row.kind)
        case By.BLOCK:
            layers = _grouped(layers, lambda row: block_of(row.path, depth))
        case By.LAYER:
            pass
    if order is Order.CONTRIBUTION:
        layers.sort(key=lambda row: (-abs(row.saved_ns), row.order))
    return (*layers, *others)


def block_of(path: str, depth: int) -> str:
    """The block of a layer: the first parts of its path."""
    return ".".join(path.split(".")[:depth]) if path else OUTSIDE


def cut(rows: Sequence[LedgerRow], top: int) -> tuple[LedgerRow, ...]:
    """Keep the first rows and merge all other layers into one, so that columns still add up."""
    layers = [row for row in rows if row.fate in LAYER_FATES]
    if len(layers) <= top + 1:
        return tuple(rows)
    rest = summed(layers[top:], layer=f"{len(layers) - top} other rows")
    return (*layers[:top], rest, *(row for row in rows if row.fate not in LAYER_FATES))


def total(ledger: Ledger) -> LedgerRow:
    """Merge all rows: the arms' times, the difference, and each of its terms."""
    return summed(ledger.rows, layer="total")


def summed(rows: Sequence[LedgerRow], *, layer: str) -> LedgerRow:
    """Merge some rows. Kinds and fates that differ are left empty."""
    kinds, fates = {row.kind for row in rows}, {row.fate for row in rows}
    control_ns = math.fsum(row.control_ns for row in rows)
    changed_ns = math.fsum(row.changed_ns for row in rows)
    return LedgerRow(
        layer=layer,
        kind=kinds.pop() if len(kinds) == 1 else "",
        fate=fates.pop() if len(fates) == 1 else "both",
        order=min(row.order for row in rows),
        control_ns=control_ns,
        changed_ns=changed_ns,
        terms={term: _sum([row.terms.get(term, _NOT_A_TERM) for row in rows]) for term in _terms_of(rows)},
        control_work=_work([row.control_work for row in rows], control_ns),
        changed_work=_work([row.changed_work for row in rows], changed_ns),
        control_layers=tuple(name for row in rows for name in row.control_layers),
        changed_layers=tuple(name for row in rows for name in row.changed_layers),
        control_code=executed_together([row.control_code for row in rows]),
        changed_code=executed_together([row.changed_code for row in rows]),
    )


_NOT_A_TERM = Missing("is not a term of this row")


def _terms_of(rows: Sequence[LedgerRow]) -> list[Term]:
    return list(dict.fromkeys(term for row in rows for term in row.terms))


def _sum(values: Sequence[Maybe[float]]) -> Maybe[float]:
    gap = first_missing(*values)
    return gap or math.fsum(value for value in values if not isinstance(value, Missing))


def _work(works: Sequence[dict[str, Maybe[float]]], time_ns: float) -> dict[str, Maybe[float]]:
    """The sums over the rows that have work, and the speed that follows from them."""
    having = [work for work in works if work]
    found = {
        name: _sum([work[name] for work in having if name in work])
        for name in _ADDING
        if any(name in work for work in having)
    }
    macs, least = found.get("macs", 0.0), found.get("ceiling_ns", 0.0)
    if isinstance(macs, Missing) or (macs > 0 and time_ns > 0):
        found["gmac_per_s"] = macs if isinstance(macs, Missing) else macs / time_ns
        found["share_of_ceiling"] = least if isinstance(least, Missing) else least / time_ns
    return found


def _grouped(rows: Sequence[LedgerRow], key: Callable[[LedgerRow], str]) -> list[LedgerRow]:
    members: dict[str, list[LedgerRow]] = {}
    for row in rows:
        members.setdefault(key(row), []).append(row)
    return [replace(summed(some, layer=name), path=name) for name, some in members.items()]


def timeline(ledger: Ledger, *, is_changed: bool) -> tuple[Span, ...]:
    """An arm's rows in order of execution as spans; the framework's time is at the end."""
    spans: list[Span] = []
    at = 0.0
    for row in ledger.rows:
        length = row.changed_ns if is_changed else row.control_ns
        if row.fate == "unattributed" or length <= 0:
            continue
        spans.append(Span(row=row, start_ns=at, length_ns=length))
        at += length
    return tuple(spans)
