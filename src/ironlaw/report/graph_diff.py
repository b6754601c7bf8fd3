"""What differs between two given files, as every output shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ironlaw.explanation import Comparison
from ironlaw.file_graph import GraphChange, GraphDiff, NodeFate
from ironlaw.missing import Missing
from ironlaw.report.json_values import gap, number_value
from ironlaw.report.quantity import MILLISECONDS, TIME, number, scale_for
from ironlaw.text import plain

HEADING = "What differs between the files"
# In a line; all of them are in the JSON document.
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffRow:
    """Nodes with one fate: what became of them, how many, the times of their layers in both files, and some names."""

    what: str
    count: str
    control: str
    changed: str
    names: str


def diff_of(comparison: Comparison) -> GraphDiff | None:
    """The difference of the two files; None where the arms are not two given files."""
    return None if isinstance(comparison.graph, Missing) else comparison.graph


def same_sentence(diff: GraphDiff) -> str:
    """How many nodes are the same in both files, and whether anything differs."""
    nodes = f"{diff.same} node{'s are' if diff.same != 1 else ' is'} the same in both files"
    rest = "; no node differs; values and sizes of constants (scales) were not compared" if not diff.changes else ""
    left_out = f"; {diff.left_out} nodes of very large graphs are left out" if diff.left_out else ""
    return f"{nodes}{rest}{left_out}."


def diff_rows(diff: GraphDiff, *, most: int | None = None) -> tuple[str, list[DiffRow]]:
    """The unit of the times, and the rows to show, those that take most time first: `most` of them, or all."""
    shown = diff.changes if most is None else diff.changes[:most]
    scale = scale_for(TIME, [time for change in shown for time in (change.control_ns, change.changed_ns)])

    def cell(change: GraphChange, time: Any) -> str:
        return "" if isinstance(time, Missing) else number(time, scale)

    rows = [
        DiffRow(
            what=_what(change),
            count=str(len(change.names)),
            control=cell(change, change.control_ns),
            changed=cell(change, change.changed_ns),
            names=_names(change),
        )
        for change in shown
    ]
    return (scale.unit if any(row.control or row.changed for row in rows) else ""), rows


def _what(change: GraphChange) -> str:
    match change.fate:
        case NodeFate.APPEARED:
            return f"+ {plain(change.changed)}"
        case NodeFate.VANISHED:
            return f"− {plain(change.control)}"
        case NodeFate.CHANGED:
            return f"{plain(change.control)} → {plain(change.changed)}"


def _names(change: GraphChange) -> str:
    names = ", ".join(plain(name) for name in change.names[:_NAMED])
    return f"{names}, ..." if len(change.names) > _NAMED else names


def diff_sentence(diff: GraphDiff) -> str:
    """How much is the same, and what differs without names."""
    listed = ", ".join(f"{_what(change)} ({len(change.names)})" for change in diff.changes[:_NAMED])
    more = f" and {len(diff.changes) - _NAMED} more" if len(diff.changes) > _NAMED else ""
    return f"Files: {same_sentence(diff).rstrip('.')}{f'; {listed}{more}' if listed else ''}."


def left_out_sentence(diff: GraphDiff, *, most: int) -> str:
    """How many further kinds of changes there are; empty where all are shown."""
    more = len(diff.changes) - most
    return f"{more} more in --verbose, the HTML report and the JSON document." if more > 0 else ""


def diff_document(comparison: Comparison) -> Any:
    """The difference as JSON-ready values."""
    if isinstance(comparison.graph, Missing):
        return gap(comparison.graph)
    return {
        "same": comparison.graph.same,
        "left_out": comparison.graph.left_out,
        "changes": [
            {
                "fate": change.fate.value,
                "control_type": change.control or None,
                "changed_type": change.changed or None,
                "nodes": list(change.names),
                "control_ms": number_value(change.control_ns, unit=MILLISECONDS.size),
                "changed_ms": number_value(change.changed_ns, unit=MILLISECONDS.size),
            }
            for change in comparison.graph.changes
        ],
    }
