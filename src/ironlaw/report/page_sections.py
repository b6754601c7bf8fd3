"""One comparison's part of the page: its pictures, its ledger and its account, as the templates use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ironlaw.explanation import NOT_RECORDED, NOT_SAMPLED, Comparison, Explanation
from ironlaw.explanation.account import Account, AccountRow
from ironlaw.explanation.split import Ledger, LedgerRow, Term
from ironlaw.missing import Missing, is_known
from ironlaw.report import words
from ironlaw.report.account import account_sentences, named_rows
from ironlaw.report.attached import operator_lines
from ironlaw.report.figures.comparisons import cause_waterfall, split_waterfall
from ironlaw.report.figures.drawing import Drawing
from ironlaw.report.figures.layers import ledger_over_depth, roofline
from ironlaw.report.figures.mirrored import account_bars, operator_bars
from ironlaw.report.layers.code import has_layer_code, layer_code_cell
from ironlaw.report.layers.table import ledger_notes
from ironlaw.report.quantity import TIME, number, scale_for, shown
from ironlaw.text import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCell:
    """A number as text, and the value of the JSON document that it shows; empty for a gap."""

    text: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerView:
    """The ledger as a table: headings of its number columns, and per layer its words and numbers."""

    unit: str
    headings: tuple[str, ...]
    kinds: tuple[str, ...]
    rows: tuple[tuple[LedgerRow, tuple[PageCell, ...]], ...]
    code: tuple[tuple[str, str], ...]  # which ran in each row of both arms; empty where no layer was sampled


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """The account as a table: its unit, per row the name and its cells, and what is reported below."""

    unit: str
    drawing: Drawing | None
    rows: tuple[tuple[str, tuple[PageCell, ...]], ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorsView:
    """Times by operator and kernel as a table: its unit, and per row its words and its cells."""

    unit: str
    drawing: Drawing | None
    rows: tuple[tuple[str, str, tuple[PageCell, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One comparison's part of the page."""

    anchor: str
    comparison: Comparison
    waterfall: Drawing | None  # by cause, or by the iron law
    drawings: tuple[Drawing, ...]  # all but those of executed code and operators
    no_split: str
    ledger: LedgerView | None
    no_ledger: str
    ledger_notes: tuple[str, ...]
    account: AccountView | None
    no_account: str
    operators: OperatorsView | None

    @property
    def opening(self) -> tuple[Drawing, ...]:
        """What a page of one screen begins with: a waterfall, and what executed; without either the first picture."""
        views = [view.drawing for view in (self.account, self.operators) if view is not None]
        first = [drawing for drawing in (self.waterfall, *views) if drawing is not None]
        return tuple(first or self.drawings[:1])


def section(
    comparison: Comparison, explanation: Explanation, document: dict[str, Any], place: int, *, prefix: str
) -> Section:
    """A comparison as the page shows it: `place` is its place in the document, and `prefix` begins every id."""
    ledger, split, once, account = comparison.ledger, comparison.split, comparison.once, comparison.account
    waterfalls, of_layers = _drawings(comparison, explanation, f"{prefix}c{place}-")
    return Section(
        anchor=f"comparison-{place}",
        comparison=comparison,
        waterfall=waterfalls[0] if waterfalls else None,
        drawings=(*waterfalls, *of_layers),
        no_split=_why_not(split) if isinstance(once, Missing) else "",
        ledger=None if isinstance(ledger, Missing) else _ledger_view(ledger, document["comparisons"][place]["ledger"]),
        no_ledger=_why_not(ledger),
        ledger_notes=() if isinstance(ledger, Missing) else tuple(ledger_notes(ledger)),
        account=None if isinstance(account, Missing) else _account_view(comparison, account, f"{prefix}c{place}-"),
        no_account=plain(account.reason) if isinstance(account, Missing) and account != NOT_SAMPLED else "",
        operators=_operators_view(comparison, explanation, f"{prefix}c{place}-"),
    )


def _operators_view(comparison: Comparison, explanation: Explanation, name: str) -> OperatorsView | None:
    unit, lines = operator_lines(comparison)
    rows = []
    for line in lines:
        values = (line.row.control_ns, line.row.changed_ns, line.row.saved_ns)
        cells = tuple(PageCell(text=text, value=repr(value)) for text, value in zip(line.cells, values, strict=True))
        rows.append((line.name, line.times, cells))
    if not rows:
        return None
    drawing = operator_bars(comparison, name=f"{name}operators", work=words.unit_of_work(explanation.plan))
    return OperatorsView(unit=unit, drawing=drawing, rows=tuple(rows))


def _why_not(part: object) -> str:
    """Why a part is missing; empty if it exists or was not requested."""
    return plain(part.reason) if isinstance(part, Missing) and part != NOT_RECORDED else ""


def _drawings(comparison: Comparison, explanation: Explanation, name: str) -> tuple[list[Drawing], list[Drawing]]:
    """The waterfalls, and the pictures by layer."""
    waterfalls = [
        cause_waterfall(comparison, name=f"{name}causes"),
        split_waterfall(comparison, explanation, name=f"{name}split"),
    ]
    ledger, of_layers = comparison.ledger, list[Drawing | None]()
    if not isinstance(ledger, Missing):
        of_layers.append(ledger_over_depth(comparison, ledger, name=f"{name}depth"))
        of_layers.append(roofline(comparison, ledger, explanation.ceilings, name=f"{name}roofline"))
    drawn, by_layer = ([one for one in some if one is not None] for some in (waterfalls, of_layers))
    return drawn, by_layer


def _ledger_view(ledger: Ledger, rows: list[dict[str, Any]]) -> LedgerView:
    # A term that no layer has a value for is named below the table, not given a column of dashes.
    terms = [term for term in Term if any(is_known(row.terms.get(term, NOT_RECORDED)) for row in ledger.rows)]
    scale = scale_for(TIME, [time for row in ledger.rows for time in (row.control_ns, row.changed_ns)])
    keys = ["control_ms", "changed_ms", "saved_ms", *(f"{term.value}_ms" for term in terms)]

    def cell(value: Any) -> PageCell:
        if not isinstance(value, float | int):
            return PageCell(text="–", value="")
        return PageCell(text=number(value * 1e6, scale), value=repr(value))

    return LedgerView(
        unit=scale.unit,
        headings=tuple(words.TERM_TITLES[term] for term in terms),
        kinds=tuple(sorted({row.kind for row in ledger.rows if row.kind})),
        rows=tuple(
            (row, tuple(cell(said.get(key)) for key in keys)) for row, said in zip(ledger.rows, rows, strict=True)
        ),
        code=tuple((layer_code_cell(row.control_code), layer_code_cell(row.changed_code)) for row in ledger.rows)
        if has_layer_code(ledger.rows)
        else (),
    )


def _account_view(comparison: Comparison, account: Account, name: str) -> AccountView:
    rows = named_rows(account)
    scale = scale_for(TIME, [time.value for one in rows for time in (one.row.control_ns, one.row.changed_ns)])

    def cells(row: AccountRow) -> tuple[PageCell, ...]:
        times = [
            PageCell(text=number(one.value, scale), value=repr(one.value)) for one in (row.control_ns, row.changed_ns)
        ]
        saved = shown(row.saved_ns, scale, null=0.0)
        return (
            *times,
            PageCell(text=saved.value, value=repr(row.saved_ns.value)),
            PageCell(text=saved.interval, value=""),
        )

    return AccountView(
        unit=scale.unit,
        drawing=account_bars(comparison, account, name=f"{name}account"),
        rows=tuple((one.name, cells(one.row)) for one in rows),
        sentences=tuple(account_sentences(account)),
    )
