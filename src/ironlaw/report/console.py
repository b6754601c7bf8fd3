"""Wrapped text and plain tables on a console."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_NO_BREAK, _GLUE = "\N{NO-BREAK SPACE}", "\ue000"


def say(
    console: Console,
    text: str | Text,
    *,
    style: str = "",
    indent: int = 0,
    hanging: int = 0,
    most: int | None = None,
) -> None:
    """Print wrapped text; `hanging` more spaces begin every line but the first. Of more than `most` lines the last one
    that is printed ends in an ellipsis.
    """
    whole = Text.assemble(text, style=style)
    # rich breaks lines at no-break spaces too; a letter in their place keeps a number and its unit together.
    whole.plain = whole.plain.replace(_NO_BREAK, _GLUE).replace(" %", f"{_GLUE}%")
    width = max(20, console.width - indent - hanging)
    lines = whole.wrap(console, width)
    for place, line in enumerate(lines[:most]):
        line.rstrip()
        if most is not None and place + 1 == most < len(lines):
            line.truncate(width - 1)
            line.append("…")
        line.plain = line.plain.replace(_GLUE, _NO_BREAK)
        console.print(Text(" " * (indent + (hanging if place else 0))) + line, highlight=False)


def bare_grid() -> Table:
    """A table without a box and without headings, two spaces between its columns."""
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)


BETWEEN = 2  # spaces between columns


def headed_grid() -> Table:
    """A table without a box, its headings bold, two spaces between its columns."""
    return Table(box=None, pad_edge=False, padding=(0, BETWEEN, 0, 0), header_style="bold")


def print_grid(console: Console, grid: Table, *, indent: int) -> None:
    """Print a table, indented and no wider than it needs to be."""
    console.print(Padding(grid, (0, 0, 0, indent), expand=False))


def say_in_a_line(console: Console, text: str, *, style: str = "", indent: int = 0) -> None:
    """Print a text on one line; what does not fit ends in an ellipsis."""
    line = Text(" " * indent + text.replace(_NO_BREAK, " "), style=style)
    line.truncate(console.width, overflow="ellipsis")
    console.print(line, highlight=False, no_wrap=True)
