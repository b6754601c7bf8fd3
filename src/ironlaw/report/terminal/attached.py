"""Attached files on a console: times by operator and kernel, and what to run next."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from ironlaw.explanation import Comparison, Explanation
from ironlaw.report.attached import OPERATORS_HEADING, SHOWN_OPERATORS, next_command, next_sentence, operator_lines
from ironlaw.report.console import headed_grid, print_grid, say
from ironlaw.text import plain


def show_operators(comparison: Comparison, console: Console, *, is_whole: bool) -> None:
    """Operators by what ran them, those that differ most or all; nothing where no file holds them."""
    unit, lines = operator_lines(comparison)
    if not lines:
        return
    shown = lines if is_whole else lines[:SHOWN_OPERATORS]
    grid = headed_grid()
    grid.add_column("operator", overflow="fold")
    grid.add_column("calls", justify="right")
    for title in (comparison.control, comparison.changed, "saved"):
        grid.add_column(Text(f"{plain(title)}\n{unit}", justify="right"), justify="right")
    for line in shown:
        grid.add_row(Text(line.name), Text(line.times), *map(Text, line.cells))
    count = "" if len(shown) == len(lines) else f" ({len(shown)} of {len(lines)})"
    say(console, f"{OPERATORS_HEADING}{count}:", indent=2)
    print_grid(console, grid, indent=4)


def show_next(explanation: Explanation, console: Console) -> None:
    """The command that would test what the files suggest, on a line of its own to be copied."""
    if said := next_sentence(explanation):
        console.print()
        say(console, said, style="bold")
        console.print(Text(f"  {next_command(explanation)}"), soft_wrap=True, highlight=False)
