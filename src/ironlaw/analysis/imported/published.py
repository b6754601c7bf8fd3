"""Explain a published table: its split, and what it cannot show."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass

import numpy as np

from ironlaw.analysis.concerns.tables import table_doubts
from ironlaw.analysis.iron_law.lmdi import Classes, State
from ironlaw.analysis.single import ONCE, SingleArm, explain_singles
from ironlaw.errors import BadInput, offer_closest
from ironlaw.event import MOST_INSTRUCTIONS_PER_CYCLE
from ironlaw.explanation import (
    ArmSummary,
    Explanation,
)
from ironlaw.explanation.split import Term
from ironlaw.missing import Maybe, Missing, is_known

REQUIRED = ("arm", "time_s", "ipc")
OPTIONAL = ("cache_miss_percent", "size_mb")
EXAMPLE = "for example: arm,time_s,ipc,cache_miss_percent,size_mb"

# Wider than anything that is measured, and narrow enough for every quotient to be a number.
TIME_S = (1e-9, 1e9)
IPC = (1e-4, MOST_INSTRUCTIONS_PER_CYCLE)
MOST_SIZE_MB = 1e9

NOT_IN_TABLE = "the table does not hold it"
ASSUMED = "clock frequency and CPU utilisation are equal in all arms"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row as read: seconds, instructions per cycle, percent, megabytes of 10^6 bytes."""

    row: int
    arm: str
    time_s: float
    ipc: float
    cache_miss_percent: Maybe[float]
    size_mb: Maybe[float]


def explain_table(text: str, *, named: str) -> Explanation:
    """Split each step of a published table, under the assumption that frequency and utilisation are equal.

    With both equal, cycles go with time and instructions with time x IPC, so that
    ln(t0/t1) = ln(t0 IPC0 / t1 IPC1) + ln(IPC1/IPC0): instructions and CPI.

    Raises:
        BadInput: a column is missing or unknown, a value is no number or impossible, or two arms have one name.
    """
    rows, unused = _rows(text, named)
    rates = {row.arm: row.cache_miss_percent for row in rows if is_known(row.cache_miss_percent)}
    concerns = list(table_doubts(rates, unused, required=REQUIRED, optional=OPTIONAL, named=named))
    return explain_singles([_arm(row) for row in rows], concerns, source=named)


def _arm(row: TableRow) -> SingleArm:
    wall_ns = row.time_s * 1e9
    no_column = Missing("the table has no such column")
    return SingleArm(
        row=ArmSummary(
            arm=row.arm,
            inferences=Missing("the table does not state how many"),
            wall_ns=ONCE,
            wall_ns_once=wall_ns,
            user_ns=no_column,
            kernel_ns=no_column,
            cpu_ns=no_column,
            instructions=Missing("the table holds no counts, only their ratio"),
            cycles=Missing("the table holds no counts, only their ratio"),
            ipc=row.ipc,
            cache_references=Missing("the table holds a miss rate without counts"),
            cache_misses=Missing("the table holds a miss rate without counts"),
            cache_miss_share=row.cache_miss_percent / 100
            if is_known(row.cache_miss_percent)
            else row.cache_miss_percent,
            size_bytes=round(row.size_mb * 1e6) if not isinstance(row.size_mb, Missing) else row.size_mb,
        ),
        state=_state(wall_ns, row.ipc),
        assumptions=(ASSUMED,),
        assumed_equal={Term.FREQUENCY: NOT_IN_TABLE, Term.UTILISATION: NOT_IN_TABLE},
    )


def _state(wall_ns: float, ipc: float) -> State:
    """A row as a state: wall time as CPU time, at one cycle per ns. Any equal values give the same split."""
    wall = np.array([wall_ns])
    unknown = Missing(NOT_IN_TABLE)
    return State(
        wall_ns=wall,
        cpu_ns=wall,
        classes=Classes(
            instructions=wall * ipc,
            cycles_per_ns=np.ones(1),
            kernel_cycles_per_ns=unknown,
            kernel_instructions=unknown,
        ),
    )


def _rows(text: str, named: str) -> tuple[list[TableRow], list[str]]:
    """The rows, and the unknown columns."""
    lines = text.lstrip("\ufeff").splitlines()
    header_line = next((line for line in lines if line.strip()), "")
    delimiter = max(",;\t", key=header_line.count)
    reader = csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter, skipinitialspace=True)
    header: list[str] = []
    rows = []
    try:
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            if not header:
                header = _header(fields, named)
                continue
            place = _Place(named=named, row=reader.line_num, decimal_comma=delimiter != ",")
            rows.append(_row(header, fields, place))
            if namesakes := [row for row in rows[:-1] if row.arm == rows[-1].arm]:
                raise place.bad("arm", namesakes[0].arm, f"names an arm that row {namesakes[0].row} has")
    except csv.Error as error:
        raise BadInput(f"{named}, row {reader.line_num}: {error}", hint="save the table as plain CSV") from None
    if not header:
        raise BadInput(f"{named} is empty", hint=EXAMPLE)
    return rows, [name for name in header if name not in (*REQUIRED, *OPTIONAL)]


def _header(fields: list[str], named: str) -> list[str]:
    names = [field.strip().lower() for field in fields]
    for name in REQUIRED:
        if name not in names:
            raise BadInput(
                f"{named}, row 1: there is no column {name!r}", hint=f"{offer_closest(name, names)}; {EXAMPLE}"
            )
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"{named}, row 1: the column {name!r} occurs twice", hint="keep one of them")
    return names


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A value's position in the file, for messages, and the decimal mark."""

    named: str
    row: int
    decimal_comma: bool

    def bad(self, column: str, text: str, should: str) -> BadInput:
        return BadInput(
            f"{self.named}, row {self.row}, column {column}: {text!r} {should}",
            hint="row 1 is the line with the names of the columns; write numbers like 89.8063",
        )


def _row(header: list[str], fields: list[str], place: _Place) -> TableRow:
    if len(fields) != len(header):
        raise BadInput(
            f"{place.named}, row {place.row}: {len(fields)} values for {len(header)} columns "
            f"(first unmatched: {(header[len(fields) :] or fields[len(header) :])[0]!r})",
            hint="quote names that contain the separator",
        )
    cells = {name: field.strip() for name, field in zip(header, fields, strict=True)}
    if not cells["arm"]:
        raise place.bad("arm", "", "names no arm")
    return TableRow(
        row=place.row,
        arm=cells["arm"],
        time_s=_between(cells["time_s"], "time_s", place, *TIME_S),
        ipc=_between(cells["ipc"], "ipc", place, *IPC),
        cache_miss_percent=_optional(cells, "cache_miss_percent", place, most=100.0),
        size_mb=_optional(cells, "size_mb", place, most=MOST_SIZE_MB),
    )


def _optional(cells: dict[str, str], name: str, place: _Place, *, most: float) -> Maybe[float]:
    if name not in cells:
        return Missing(f"the table has no column {name}")
    if not cells[name]:
        return Missing("the table leaves it empty")
    value = _number(cells[name], name, place)
    if not 0 <= value <= most:
        raise place.bad(name, cells[name], f"is not between 0 and {most:g}")
    return value


def _between(text: str, name: str, place: _Place, least: float, most: float) -> float:
    value = _number(text, name, place)
    if not value > 0:
        raise place.bad(name, text, "must be above 0")
    if not least <= value <= most:
        raise place.bad(name, text, f"is not between {least:g} and {most:g}")
    return value


def _number(text: str, name: str, place: _Place) -> float:
    written = text.replace(",", ".") if place.decimal_comma and text.count(",") == 1 and "." not in text else text
    try:
        value = float(written)
    except ValueError:
        raise place.bad(name, text, "is not a number") from None
    if not math.isfinite(value) or "_" in written:
        raise place.bad(name, text, "is not a number")
    return value
