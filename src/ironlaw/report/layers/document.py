"""A ledger and flips as the JSON document has them."""

from __future__ import annotations

from typing import Any

from ironlaw.explanation.split import Flips, Ledger, LedgerRow
from ironlaw.missing import Maybe, Missing
from ironlaw.report.json_values import SCHEMA, estimate_value, gap, number_value
from ironlaw.report.layers.code import layer_code_value
from ironlaw.report.quantity import MILLISECONDS


def flips_document(found: Flips) -> dict[str, Any]:
    """Measured flips: milliseconds that int8 saves, by block."""
    ms = MILLISECONDS.size
    return {
        "schema": SCHEMA,
        "flips": [
            {
                "block": row.block,
                "alone_ms": estimate_value(row.alone, unit=ms),
                "left_float_ms": estimate_value(row.left_float, unit=ms),
            }
            for row in found.rows
        ],
        "sum_alone_ms": number_value(found.sum_alone, unit=ms),
        "sum_left_float_ms": number_value(found.sum_left_float, unit=ms),
        "whole_ms": estimate_value(found.whole, unit=ms),
    }


def ledger_value(ledger: Maybe[Ledger]) -> Any:
    """The rows of a ledger, times in ms per inference, or its gap."""
    return gap(ledger) if isinstance(ledger, Missing) else [_ledger_row(row) for row in ledger.rows]


def ledger_check(ledger: Maybe[Ledger]) -> dict[str, Any]:
    """The fields that state how reading the layers changed the speed-up; none without a ledger."""
    if isinstance(ledger, Missing):
        return {}
    return {
        "ledger_speedup_disturbed": estimate_value(ledger.disturbed_speedup),
        "ledger_speedup_undisturbed": estimate_value(ledger.undisturbed_speedup),
        "ledger_notes": list(ledger.notes),
    }


def _ledger_row(row: LedgerRow) -> dict[str, Any]:
    ms = MILLISECONDS.size
    return {
        "layer": row.layer,
        "control_ms": row.control_ns / ms,
        "changed_ms": row.changed_ns / ms,
        "saved_ms": row.saved_ns / ms,
        **{f"{term.value}_ms": number_value(value, unit=ms) for term, value in row.terms.items()},
        "kind": row.kind,
        "fate": row.fate,
        "order": row.order,
        "control_work": {name: number_value(value) for name, value in row.control_work.items()},
        "changed_work": {name: number_value(value) for name, value in row.changed_work.items()},
        "executed": list(row.executed),
        "path": row.path,
        "control_layers": list(row.control_layers),
        "changed_layers": list(row.changed_layers),
        "control_code": layer_code_value(row.control_code),
        "changed_code": layer_code_value(row.changed_code),
    }
