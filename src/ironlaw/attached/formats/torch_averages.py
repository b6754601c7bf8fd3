"""Tables of torch.profiler's key_averages, as they are pasted into issues."""

from __future__ import annotations

import math
import re
from typing import Any

from ironlaw.attached.format import AttachedFormat
from ironlaw.attached.text import AttachedText
from ironlaw.attached.torch_operators import census_by_names
from ironlaw.attachment import LEAST_NS, AttachedNode, Attachment, Lack, RepeatTimes, TimedWhole
from ironlaw.layer import LayerCall

_HEADER = re.compile(r"^[\s>|]*Name\s{2,}.*\bSelf CPU\b.*# of Calls", re.MULTILINE)
_TIME = re.compile(r"^(\d+(?:\.\d+)?)(ns|us|ms|s)$")
_NS_PER = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
_TOTAL = re.compile(r"Self CPU time total:\s*(\d+(?:\.\d+)?)(ns|us|ms|s)\b")
_STEP = "ProfilerStep*"
_COLUMNS = ("Self CPU", "# of Calls")


def _recognises(head: str) -> bool:
    return _HEADER.search(head) is not None


def _read(text: AttachedText) -> tuple[Attachment, ...]:
    headings: list[str] = []
    rows: list[tuple[str, float, float]] = []  # name, ns of its own, calls
    total_ns, width = 0.0, 0
    heading = (1, 1)  # the place of the headings
    for number, raw in text.lines():
        line = re.sub(r"^[\s>|]+", "", raw).rstrip(" |")
        if _HEADER.match(line):
            if headings:
                raise text.refused(number, 1, "a second table of key_averages: attach one table a file")
            headings = re.split(r"\s{2,}", line)
            width, heading = len(headings), (number, raw.index("Name") + 1)
            for wanted in _COLUMNS:
                if wanted not in headings:
                    raise text.refused(number, raw.rindex(wanted) + 1, f"the table of key_averages has no {wanted!r}")
        elif found := _TOTAL.search(line):
            total_ns = _ns(found[1], found[2], (number, line.index(found[1]) + 1), text)
        elif headings and line and not set(line) <= set("- "):
            cells = re.split(r"\s{2,}", line)
            if len(cells) >= width - 1 and len(cells) > headings.index("Self CPU"):
                rows.append(_row(dict(zip(headings, cells, strict=False)), number, raw, text))
    if not rows:
        raise text.refused(*heading, "the table of key_averages has no row below these headings")
    if not max(total_ns, math.fsum(ns for _, ns, _ in rows)) >= LEAST_NS:
        raise text.refused(*heading, "the operators below these headings took no time")
    return (_attachment(rows, total_ns),)


def _row(cells: dict[str, str], number: int, raw: str, text: AttachedText) -> tuple[str, float, float]:
    own, calls = _TIME.match(cells["Self CPU"]), cells.get("# of Calls", "")
    place = (number, raw.find(cells["Self CPU"], raw.index(cells["Name"]) + len(cells["Name"])) + 1)
    if own is None:
        raise text.refused(*place, f"{cells['Self CPU'][:40]!r} is no time of a table of key_averages")
    if not calls.isascii() or not calls.isdigit() or len(calls) > 15:
        raise text.refused(number, raw.rindex(calls) + 1, f"{calls[:40]!r} is no number of calls")
    return cells["Name"], _ns(own[1], own[2], place, text), float(calls)


def _ns(value: str, unit: str, place: tuple[int, int], text: AttachedText) -> float:
    found = float(value) * _NS_PER[unit]
    if not 0 <= found < 1e18:
        raise text.refused(*place, f"{value[:40]} {unit} is longer than any run")
    return found


def _attachment(rows: list[tuple[str, float, float]], total_ns: float) -> Attachment:
    steps = next((calls for name, _, calls in rows if name.startswith(_STEP)), 0.0)
    whole = math.fsum(ns for _, ns, _ in rows)
    total_ns = max(total_ns, whole)
    per = max(1.0, steps)
    operators = [row for row in rows if not row[0].startswith(_STEP)]
    nodes = tuple(
        AttachedNode(call=_call(name), ns=own / per, times=calls / per) for name, own, calls in _merged(operators)
    )
    counted: dict[str, Any] = census_by_names(
        [name for name, _, calls in operators for _ in range(_calls(calls / per))]
    )
    return Attachment(
        format=AVERAGES.slug,
        title=AVERAGES.title,
        timed=TimedWhole.INFERENCE if steps else TimedWhole.UNKNOWN,
        times=RepeatTimes(mean_ns=total_ns / per, count=1, is_cpu_time=True),
        nodes=nodes,
        nodes_are_types=True,
        **counted,
        included="" if steps else "everything that was profiled, warming up as well: the table has no steps",
        disturbs="the profiler takes time at each operator, and more with shapes and stacks recorded",
        notes=_notes(rows, total_ns),
        lacks=_LACKS if steps else (*_LACKS, _NO_COUNT),
    )


_ALONE = "the time is that of operators alone, each without what it calls: the table has no time by the clock"
_BETWEEN = "{share:.0f} % of the time is between operators, in Python and in the profiler (ProfilerStep*)"
_UNLISTED = "rows with {share:.0f} % of the time are not in the table: it was printed with a row_limit"
_LISTED = 0.995  # of the total, since each row is rounded


def _notes(rows: list[tuple[str, float, float]], total_ns: float) -> tuple[str, ...]:
    between_ns = math.fsum(own for name, own, _ in rows if name.startswith(_STEP))
    whole_ns = math.fsum(own for _, own, _ in rows)
    has_steps = any(name.startswith(_STEP) for name, _, _ in rows)
    notes = [_BETWEEN.format(share=100 * between_ns / total_ns) if has_steps else _ALONE]
    if whole_ns < _LISTED * total_ns:
        notes.append(_UNLISTED.format(share=100 * (1 - whole_ns / total_ns)))
    return tuple(notes)


_MOST_COUNTED = 10_000


def _calls(calls: float) -> int:
    return min(_MOST_COUNTED, max(1, round(calls)))


_LACKS = (
    Lack(
        what="the order of operators and their shapes",
        why="the table has a row for each type of operator",
        fix="export_chrome_trace(FILE), with record_shapes=True",
    ),
)
_NO_COUNT = Lack(
    what="how many inferences the table is of",
    why="it has no row of ProfilerStep*",
    fix="profile(schedule=...) and a step after each inference",
)


def _merged(rows: list[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """Rows of one name in one: a table grouped by shapes has several."""
    found: dict[str, tuple[float, float]] = {}
    for name, own, calls in rows:
        before = found.get(name, (0.0, 0.0))
        found[name] = before[0] + own, before[1] + calls
    return [(name, own, calls) for name, (own, calls) in found.items()]


def _call(name: str) -> LayerCall:
    return LayerCall(path=name, operator=name.rpartition("::")[2] or name, kernels=(name,))


AVERAGES = AttachedFormat(
    slug="torch-key-averages",
    title="a table of torch.profiler's key_averages",
    made_by="print(prof.key_averages().table())",
    recognises=_recognises,
    read=_read,
)
FORMATS = (AVERAGES,)
