"""A ledger as a trace for Perfetto and chrome://tracing: both arms as two rows, one layer after the other.

Format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU (complete events, "ph": "X").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ironlaw.explanation import Comparison
from ironlaw.explanation.split import Span
from ironlaw.missing import Missing
from ironlaw.report.quantity import MILLISECONDS, TIME

_MICROSECONDS = TIME[1]


def to_trace(comparison: Comparison, control: Sequence[Span], changed: Sequence[Span]) -> dict[str, Any]:
    """Both arms as processes of a Chrome trace; times are means of one inference, in microseconds."""
    events: list[dict[str, Any]] = []
    for number, (arm, spans) in enumerate(((comparison.control, control), (comparison.changed, changed))):
        events.append({"ph": "M", "name": "process_name", "pid": number, "args": {"name": arm}})
        events.append({"ph": "M", "name": "process_sort_index", "pid": number, "args": {"sort_index": number}})
        events += [_event(span, number) for span in spans]
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def _event(span: Span, number: int) -> dict[str, Any]:
    row = span.row
    work = (row.control_work, row.changed_work)[number]
    known = {name: value for name, value in work.items() if not isinstance(value, Missing)}
    return {
        "ph": "X",
        "name": row.layer,
        "cat": row.kind,
        "pid": number,
        "tid": 0,
        "ts": span.start_ns / _MICROSECONDS.size,
        "dur": span.length_ns / _MICROSECONDS.size,
        "args": {
            "saved_ms": row.saved_ns / MILLISECONDS.size,
            "fate": row.fate,
            "executed": row.executed[number],
            **known,
        },
    }
