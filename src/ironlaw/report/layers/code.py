"""Which code ran in which layer, in words and as JSON: a column of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ironlaw.explanation import Comparison
from ironlaw.explanation.account import Code
from ironlaw.explanation.split import LayerExecuted, LedgerRow
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.report.account import code_kind, code_of_document
from ironlaw.report.quantity import MILLISECONDS, decimal, percent
from ironlaw.text import plain

SHOWN = 2  # pieces of code in a cell
_IN_DOCUMENT = 5  # in a document
_LONGEST = 40


def has_layer_code(rows: Sequence[LedgerRow]) -> bool:
    """Whether a row shows what ran in it."""
    return any(is_known(row.control_code) or is_known(row.changed_code) for row in rows)


def layer_code_cell(executed: Maybe[LayerExecuted], *, most: int = SHOWN) -> str:
    """The largest pieces of code with their shares; a dash where it is not known."""
    if isinstance(executed, Missing):
        return "–"
    return ", ".join(f"{short_name(code)} {percent(share)}" for code, share in executed.code[:most])


def short_name(code: Code) -> str:
    """A kernel's own name without its namespaces and templates; what it is for, where it has no name of its own."""
    if code.is_unnamed:
        return code_kind(code)
    bare = "::".join(_untemplated(code.name.removeprefix("void ")).split("::")[-2:])
    return plain(bare or code.name)[:_LONGEST]


def _untemplated(name: str) -> str:
    """A name up to its parameters, without what stands in angle brackets; brackets need not be closed."""
    kept: list[str] = []
    depth = 0
    for character in name:
        if character == "(" and depth == 0 and kept:
            break
        depth += character == "<"
        if depth == 0:
            kept.append(character)
        depth -= character == ">" and depth > 0
    return "".join(kept)


def layer_code_value(executed: Maybe[LayerExecuted]) -> dict[str, Any]:
    """The JSON value of a layer's code: the number of samples and the largest pieces with their shares, or the gap."""
    if isinstance(executed, Missing):
        return {"missing": executed.reason}
    return {
        "samples": executed.samples,
        "code": [code_of_document(*item) for item in executed.code[:_IN_DOCUMENT]],
    }


def layer_code_records(rows: Sequence[LedgerRow]) -> list[dict[str, Any]]:
    """One record per layer: what it saves, and the code that ran in it in either arm."""
    return [
        {
            "layer": row.layer,
            "saved_ms": row.saved_ns / MILLISECONDS.size,
            "control_code": layer_code_value(row.control_code),
            "changed_code": layer_code_value(row.changed_code),
        }
        for row in rows
    ]


def show_layer_code(comparison: Comparison, rows: Sequence[LedgerRow], console: Console) -> None:
    """Print a heading and, per row, the code that ran in it; if no layer was sampled, the reason."""
    console.print(Padding(Text("By layer, the code that ran in it:"), (1, 0, 0, 2)))
    if not has_layer_code(rows):
        console.print(Padding(Text(f"not known: {plain(_why_not(rows))}.", style="dim"), (0, 0, 0, 4)))
        return
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    grid.add_column("layer", overflow="ellipsis", no_wrap=True, max_width=24)
    grid.add_column(Text("saved\nms", justify="right"), justify="right", no_wrap=True)
    for arm in (comparison.control, comparison.changed):
        grid.add_column(Text(plain(arm)), overflow="fold", ratio=1)
    for row in rows:
        codes = (layer_code_cell(row.control_code), layer_code_cell(row.changed_code))
        grid.add_row(*map(Text, (plain(row.layer), decimal(row.saved_ns / MILLISECONDS.size, 3), *codes)))
    console.print(Padding(grid, (0, 0, 0, 4)))
    gaps = (code.reason for row in rows for code in (row.control_code, row.changed_code) if isinstance(code, Missing))
    for reason in sorted(set(gaps)):
        console.print(Padding(Text(f"–: {plain(reason)}.", style="dim"), (0, 0, 0, 4)))


def _why_not(rows: Sequence[LedgerRow]) -> str:
    gaps = [code.reason for row in rows for code in (row.control_code, row.changed_code) if isinstance(code, Missing)]
    return gaps[0] if gaps else "the ledger has no layers"
