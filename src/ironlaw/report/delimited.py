"""Tables of an explanation as CSV, with every digit, for spreadsheets and scripts."""

from __future__ import annotations

import csv
import io
from typing import Any

from ironlaw.explanation import ArmSummary, Explanation
from ironlaw.explanation.split import LayerExecuted
from ironlaw.missing import Maybe, Missing
from ironlaw.report.account import code_records
from ironlaw.report.document import to_document
from ironlaw.report.layers.code import layer_code_cell
from ironlaw.text import plain

# What a spreadsheet would run as a formula when a name begins with it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def arms_csv(explanation: Explanation) -> str:
    """One line per arm, columns as in the JSON document; a gap is an empty cell."""
    return _written(arm_records(explanation))


def arm_records(explanation: Explanation) -> list[dict[str, Any]]:
    """The arms as flat records: an estimate is three fields, a gap is None."""
    return [_flat(arm) for arm in to_document(explanation)["arms"]]


def ledger_csv(explanation: Explanation) -> str:
    """One line per layer of each comparison that has a ledger."""
    records = []
    for comparison, document in zip(explanation.comparisons, to_document(explanation)["comparisons"], strict=True):
        if isinstance(comparison.ledger, Missing):
            continue
        for row, record in zip(comparison.ledger.rows, document["ledger"], strict=True):
            # A cell is text: the numbers of single pieces of code are in the JSON document.
            code = {"control_code": _code_cell(row.control_code), "changed_code": _code_cell(row.changed_code)}
            records.append({"control": comparison.control, "changed": comparison.changed, **_flat({**record, **code})})
    return _written(records)


def _code_cell(executed: Maybe[LayerExecuted]) -> str | None:
    return None if isinstance(executed, Missing) else layer_code_cell(executed, most=len(executed.code))


def account_csv(explanation: Explanation) -> str:
    """One line per category of code (and class of instructions) of each comparison that has an account."""
    return _written(
        [
            {"control": comparison["control"], "changed": comparison["changed"], **_flat(row)}
            for comparison in to_document(explanation)["comparisons"]
            if isinstance(comparison["account"], list)
            for row in comparison["account"]
        ]
    )


def code_csv(arm: ArmSummary) -> str:
    """One line per piece of code that an arm executed."""
    return _written([{"arm": arm.arm, **record} for record in code_records(arm)])


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """The record without nesting: an estimate becomes three columns, lists become name_0, name_1."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict) and "missing" in value:
            flat[name] = None
        elif isinstance(value, dict):
            flat |= {name if key == "value" else f"{name}_{key}": item for key, item in _flat(value).items()}
        elif isinstance(value, list):
            flat |= {f"{name}_{place}": item for place, item in enumerate(value)}
        else:
            flat[name] = value
    return flat


def _written(records: list[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys(name for record in records for name in record))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: spreadsheet_safe(value) for name, value in record.items()} for record in records)
    return out.getvalue()


def spreadsheet_safe(value: Any) -> Any:
    """A cell that no spreadsheet runs as a formula and that controls no terminal; a gap is empty."""
    if isinstance(value, str):
        return "'" + plain(value) if value.startswith(_FORMULA) else plain(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else value
