"""The table of the arms on a console."""

from __future__ import annotations

import re

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ironlaw.report.columns import ArmsTable, Column, cell_text
from ironlaw.report.console import say
from ironlaw.report.quantity import Footnotes, align_points
from ironlaw.text import plain

_WIDEST_NAME = 24


def show_arms(table: ArmsTable, console: Console, *, is_whole: bool, has_line_each: bool = False) -> int:
    """Print the arms, as many columns as fit beside each other, with `is_whole` the others in tables below.

    With `has_line_each`, a long name takes the space of columns instead of a second line. Returns how many columns were
    left out.
    """
    footnotes = Footnotes()
    rest = list(table.columns)
    widest = _WIDEST_NAME
    if has_line_each:
        widest = max(widest, min(console.width // 2, max(len(row.name) for row in table.rows)))
    while rest:
        count, gap = _fitting(table, rest, console, widest)
        left = console.width - _width(_grid(table, rest[:count], Footnotes(), gap=gap, widest=widest), console)
        console.print(_grid(table, rest[:count], footnotes, gap=gap, widest=widest, spare=max(0, left)))
        rest = rest[count:]
        if rest and not is_whole:
            break
        if rest:
            console.print()
    for mark, reason in footnotes.lines():
        say(console, f"{mark} {plain(reason)}", style="dim")
    return len(rest)


def _fitting(table: ArmsTable, columns: list[Column], console: Console, widest: int) -> tuple[int, int]:
    """How many of the columns fit beside each other, and the space between them; at least one."""

    def fits(count: int, gap: int) -> bool:
        return _width(_grid(table, columns[:count], Footnotes(), gap=gap, widest=widest), console) <= console.width

    if fits(len(columns), 1):
        return len(columns), 2 if fits(len(columns), 2) else 1
    count = len(columns) - 1
    while count > 1 and not fits(count, 2):
        count -= 1
    return max(1, count), 2


def _width(grid: Table, console: Console) -> int:
    """How many letters a line of the table has where nothing limits it."""
    return Measurement.get(console, console.options.update(max_width=10_000), grid).maximum


def _grid(
    table: ArmsTable, columns: list[Column], footnotes: Footnotes, *, gap: int, widest: int, spare: int = 0
) -> Table:
    """The arms and these columns; a name longer than `widest` is broken before a plus, one of one level only where it
    does not fit on `spare` more.
    """
    grid = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    tallest = max((f"{column.heading}\n{column.unit}".count("\n") for column in columns), default=0)
    grid.add_column(Text("\n" * tallest + "arm"), overflow="fold", min_width=10, max_width=widest + spare)
    for column in columns:
        title = f"{column.heading}\n{column.unit}"
        above = "\n" * (tallest - title.count("\n"))
        grid.add_column(Text(above + title, justify="right"), justify="right", no_wrap=True)
    texts = [align_points([cell_text(cell, footnotes) for cell in column.cells]) for column in columns]
    was_added = False
    for place, row in enumerate(table.rows):
        if row.is_added and not was_added:
            grid.add_row(Text("for experiments:", style="italic dim"))
            was_added = True
        name = Text(wrapped_name(f"  {row.name}" if row.is_added else row.name, widest, spare))
        name.append(f"\n  {row.remark}" if row.remark else "", style="red")
        grid.add_row(name, *(Text(column[place]) for column in texts), style="dim" if row.failure else "")
    return grid


def wrapped_name(name: str, widest: int = _WIDEST_NAME, spare: int = 0) -> str:
    """A long variant's name broken before a plus, and before its point or (again) if it does not fit on `spare` more;
    the rest is indented.
    """
    first, *rest = re.split(r"(?=[+ ])", name.lstrip())
    lines = [" " * (len(name) - len(name.lstrip())) + first]
    for piece in rest:
        if len(lines[-1]) + len(piece) > widest + spare * piece.startswith(" "):
            lines.append("   " + piece.lstrip())
        else:
            lines[-1] += piece
    return "\n".join(lines)
