"""Saved outputs of perf stat: as a terminal shows it, separated (-x), and JSON lines (-j)."""

from __future__ import annotations

import json
import re

from ironlaw.attached.format import AttachedFormat
from ironlaw.attached.json_text import Element
from ironlaw.attached.perf_format import MOST, SEPARATORS, TEXT_MARKS, counted_line, output_of_rows, parse
from ironlaw.attached.text import AttachedText
from ironlaw.attachment import LEAST_NS, Attachment, PerfCount, PerfOutput, Repeated, RepeatTimes, TimedWhole
from ironlaw.missing import Maybe, Missing, first_missing

_JSON_ROW = re.compile(r'^\s*\{.*"counter-value"', re.MULTILINE)
_SEPARATED = re.compile(
    rf"^\s*(?:<not (?:supported|counted)>|\d[\d.,]*)[{re.escape(''.join(SEPARATORS))}][^\n]*"
    r"(?:clock|cycles|instructions|faults|branch|cache|context|migrations|_time|slots|refs|misses)",
    re.MULTILINE,
)


def _recognises(head: str) -> bool:
    return any(mark in head for mark in TEXT_MARKS) or bool(_JSON_ROW.search(head) or _SEPARATED.search(head))


def _read(text: AttachedText) -> tuple[Attachment, ...]:
    whole = text.whole()
    output = _of_json(whole, text) if _JSON_ROW.search(whole) else parse(whole, named=text.named)
    return (
        Attachment(
            format=PERF_STAT.slug,
            title=PERF_STAT.title,
            timed=TimedWhole.PROCESS,
            times=_times(output),
            counts=output,
        ),
    )


def _times(output: PerfOutput) -> Maybe[RepeatTimes]:
    elapsed_ns = output.elapsed_ns
    if isinstance(elapsed_ns, Missing):
        return elapsed_ns
    if not elapsed_ns >= LEAST_NS:
        return Missing("the output says that no time elapsed")
    return RepeatTimes(mean_ns=elapsed_ns, error=output.elapsed_spread, count=output.runs, repeated=Repeated.PROCESSES)


def _of_json(whole: str, text: AttachedText) -> PerfOutput:
    """The rows of -j, each a JSON object; lines of other kinds (the program's own output) are left alone."""
    counted: list[PerfCount] = []
    elapsed: Maybe[float] = Missing("JSON output has no time elapsed; add -e duration_time")
    spread: Maybe[float] = Missing("the output is of one run")
    utilised: Maybe[float] = Missing("the output does not report how many CPUs were utilized")
    for number, line in enumerate(whole.splitlines(), start=1):
        if '"counter-value"' not in line:
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            column = error.colno if isinstance(error, json.JSONDecodeError) else 1
            raise text.refused(number, column, "this line of perf stat -j is not JSON") from None
        if not isinstance(row, dict) or "event" not in row:
            continue  # a row of metrics alone
        if aggregated := [name for name in ("cpu", "core", "socket", "die", "node", "interval") if name in row]:
            raise text.refused(
                number,
                line.index(f'"{aggregated[0]}"') + 1,
                f"it counts by {aggregated[0]}: save it without -A, --per-core and -I",
            )
        element = Element(row, number, len(line) - len(line.lstrip()) + 1, line)
        one = _row(element, text)
        counted.append(one)
        event = one.event.partition(":")[0]
        if event == "duration_time":
            elapsed, spread = one.value, one.spread
        if event == "task-clock" and str(row.get("metric-unit")) == "CPUs utilized":
            utilised = _number(element, "metric-value", text)
    assumptions: tuple[str, ...] = ()
    by_name = {one.event.partition(":")[0]: one.value for one in counted}
    clock = by_name.get("task-clock", Missing("it has no task-clock"))
    derived = first_missing(clock, utilised) is None and isinstance(elapsed, Missing)
    if derived and not isinstance(clock, Missing) and not isinstance(utilised, Missing) and utilised > 0:
        elapsed = clock / utilised
        assumptions = ("time elapsed is task-clock / CPUs utilized, as perf rounded it",)
    return output_of_rows(counted, elapsed, spread, assumptions=assumptions, kind="JSON")


def _row(element: Element, text: AttachedText) -> PerfCount:
    row = element.value
    value = row["counter-value"]
    spread: Maybe[float] = Missing("the output is of one run")
    if "variance" in row:  # its name; it is the standard error of the mean in percent
        spread = _number(element, "variance", text) / 100
    return counted_line(
        written=str(row["event"]),
        value=value if isinstance(value, str) and value.startswith("<") else _number(element, "counter-value", text),
        unit=str(row.get("unit", "")),
        share=_number(element, "pcnt-running", text) / 100 if "pcnt-running" in row else 1.0,
        spread=spread,
    )


def _number(element: Element, name: str, text: AttachedText) -> float:
    value = element.value.get(name)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise text.refused(*element.place(name), f"{str(value)[:40]!r} is not a number") from None
    if not 0 <= number <= MOST:
        raise text.refused(*element.place(name), f"{str(value)[:40]!r} is more than a counter holds")
    return number


PERF_STAT = AttachedFormat(
    slug="perf-stat",
    title="an output of perf stat",
    made_by="perf stat -r 10 -o FILE COMMAND",
    recognises=_recognises,
    read=_read,
)
FORMATS = (PERF_STAT,)
