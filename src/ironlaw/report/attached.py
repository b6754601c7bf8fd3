"""What only attached files bring into a report: times by operator and kernel, and what to run next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ironlaw.explanation import Comparison, Explanation
from ironlaw.explanation.split import OperatorRow
from ironlaw.missing import Missing
from ironlaw.report.json_values import gap
from ironlaw.report.quantity import MILLISECONDS, TIME, number, scale_for
from ironlaw.text import plain

SHOWN_OPERATORS = 6  # on a terminal
OPERATORS_HEADING = "By operator and kernel"
NEXT_HEADING = "To run next"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorLine:
    """One row as text: operator with its kernel, calls in both arms, times, what is saved; and the row itself."""

    name: str
    times: str
    cells: tuple[str, str, str]
    row: OperatorRow


def operator_lines(comparison: Comparison) -> tuple[str, list[OperatorLine]]:
    """The unit of the times, and a line for each operator and kernel; no line where no file holds them."""
    rows = comparison.operators
    if isinstance(rows, Missing):
        return "", []
    scale = scale_for(TIME, [time for row in rows for time in (row.control_ns, row.changed_ns)])
    lines = [
        OperatorLine(
            name=plain(f"{row.operator}, {row.kernel.rpartition('::')[2]}" if row.kernel else row.operator),
            times=_times(row),
            cells=(number(row.control_ns, scale), number(row.changed_ns, scale), number(row.saved_ns, scale)),
            row=row,
        )
        for row in rows
    ]
    return scale.unit, lines


def _times(row: OperatorRow) -> str:
    """How often they ran in one repeat, in the control and in the changed arm."""
    before, after = (_count(times) for times in (row.control_times, row.changed_times))
    return before if before == after else f"{before} → {after}"


def _count(times: float) -> str:
    """A whole number as such; a node that ran in some repeats only has a fraction."""
    return f"{times:.0f}" if times == round(times) else number(times)


def operators_document(comparison: Comparison) -> Any:
    """The rows as the JSON document has them."""
    if isinstance(comparison.operators, Missing):
        return gap(comparison.operators)
    ms = MILLISECONDS.size
    return [
        {
            "operator": row.operator,
            "kernel": row.kernel or None,
            "control_ms": row.control_ns / ms,
            "changed_ms": row.changed_ns / ms,
            "saved_ms": row.saved_ns / ms,
            "control_calls": row.control_times,
            "changed_calls": row.changed_times,
        }
        for row in comparison.operators
    ]


def next_sentence(explanation: Explanation) -> str:
    """Why the next run is that one; empty where nothing was attached."""
    found = explanation.next_run
    return "" if isinstance(found, Missing) else f"{NEXT_HEADING} ({plain(found.why)}):"


def next_command(explanation: Explanation) -> str:
    """The command; empty where nothing was attached."""
    found = explanation.next_run
    return "" if isinstance(found, Missing) else plain(found.command)


def next_document(explanation: Explanation) -> Any:
    """The next run as the JSON document has it."""
    found = explanation.next_run
    if isinstance(found, Missing):
        return gap(found)
    return {"command": found.command, "why": found.why, "cause": found.cause or None}
