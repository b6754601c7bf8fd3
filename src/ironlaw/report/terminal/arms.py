"""The table of the arms on a console."""

from __future__ import annotations

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ironlaw.report.columns import ArmsTable, Column, cell_text
from ironlaw.report.console import say
from ironlaw.report.quantity import Footnotes, align_points
from ironlaw.text import plain

_WIDEST_NAME = 24


def show_arms(table: ArmsTable, console: Console, *, is_whole: bool) -> int:
    """Print the arms, as many columns as fit beside each other, with `is_whole` the others in tables below.

    Returns how many columns were left out.
    """
    footnotes = Footnotes()
    rest = list(table.columns)
    while rest:
        count, gap = _fitting(table, rest, console)
        left = console.width - _width(_grid(table, rest[:count], Footnotes(), gap=gap), console)
        console.print(_grid(table, rest[:count], footnotes, gap=gap, widest=_WIDEST_NAME + max(0, left)))
        rest = rest[count:]
        if rest and not is_whole:
            break
        if rest:
            console.print()
    for mark, reason in footnotes.lines():
        say(console, f"{mark} {plain(reason)}", style="dim")
    return len(rest)


def _fitting(table: ArmsTable, columns: list[Column], console: Console) -> tuple[int, int]:
    """How many of the columns fit beside each other, and the space between them; at least one."""
    if _fits(_grid(table, columns, Footnotes(), gap=1), console):
        return len(columns), 2 if _fits(_grid(table, columns, Footnotes(), gap=2), console) else 1
    count = len(columns) - 1
    while count > 1 and not _fits(_grid(table, columns[:count], Footnotes(), gap=2), console):
        count -= 1
    return max(1, count), 2


def _fits(grid: Table, console: Console) -> bool:
    return _width(grid, console) <= console.width


def _width(grid: Table, console: Console) -> int:
    """How many letters a line of the table has where nothing limits it."""
    return Measurement.get(console, console.options.update(max_width=10_000), grid).maximum


def _grid(
    table: ArmsTable, columns: list[Column], footnotes: Footnotes, *, gap: int, widest: int = _WIDEST_NAME
) -> Table:
    """The arms and these columns; a name longer than `widest` is broken anywhere, one of levels before a plus."""
    grid = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    tallest = max((f"{column.heading}\n{column.unit}".count("\n") for column in columns), default=0)
    grid.add_column(Text("\n" * tallest + "arm"), overflow="fold", min_width=10, max_width=widest)
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
        name = Text(wrapped_name(f"  {row.name}" if row.is_added else row.name))
        name.append(f"\n  {row.remark}" if row.remark else "", style="red")
        grid.add_row(name, *(Text(column[place]) for column in texts), style="dim" if row.failure else "")
    return grid


def wrapped_name(name: str) -> str:
    """A long variant's name broken before a plus, the rest indented."""
    lines = [""]
    for place, part in enumerate(name.split("+")):
        piece = f"+{part}" if place else part
        if place and len(lines[-1]) + len(piece) > _WIDEST_NAME:
            lines.append("   ")
        lines[-1] += piece
    return "\n".join(lines)
