"""Attached files on a console: times by operator and kernel, and what to run next."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from ironlaw.explanation import Comparison, Explanation
from ironlaw.report.arm_names import arm_headings
from ironlaw.report.attached import (
    OPERATORS_HEADING,
    SHOWN_OPERATORS,
    OperatorLine,
    next_command,
    next_sentence,
    operator_lines,
)
from ironlaw.report.console import headed_grid, print_grid, say

_OPERATOR_WIDTH = 32  # what the name of an operator takes before those of the arms are broken into lines
_ARM_WIDTH = 16  # what a file's name may take in any case
_BETWEEN = 4 + 5 * 2  # the indent, and the space behind each column


def show_operators(comparison: Comparison, console: Console, *, is_whole: bool) -> None:
    """Operators by what ran them, those that differ most or all; nothing where no file holds them."""
    unit, lines = operator_lines(comparison)
    if not lines:
        return
    shown = lines if is_whole else lines[:SHOWN_OPERATORS]
    grid = headed_grid()
    grid.add_column("operator", overflow="fold")
    grid.add_column("calls", justify="right")
    widest = _arm_width(shown, console.width)
    for title in (*arm_headings((comparison.control, comparison.changed), widest), "saved"):
        heading = Text(f"{title}\n{unit}", justify="right", overflow="fold")
        grid.add_column(heading, justify="right", overflow="fold", max_width=widest)
    for line in shown:
        grid.add_row(Text(line.name), Text(line.times), *map(Text, line.cells))
    count = "" if len(shown) == len(lines) else f" ({len(shown)} of {len(lines)})"
    say(console, f"{OPERATORS_HEADING}{count}:", indent=2)
    print_grid(console, grid, indent=4)


def _arm_width(lines: list[OperatorLine], width: int) -> int:
    """What the name of an arm may take at most, so that operators are readable; no less than its times need."""
    operators = min(_OPERATOR_WIDTH, max(len(line.name) for line in lines))
    calls = max(5, *(len(line.times) for line in lines))
    first, second, saved = (max(len(line.cells[place]) for line in lines) for place in range(3))
    return max(first, second, _ARM_WIDTH, (width - _BETWEEN - operators - calls - max(5, saved)) // 2)


def show_next(explanation: Explanation, console: Console) -> None:
    """The command that would test what the files suggest, on a line of its own to be copied."""
    if said := next_sentence(explanation):
        console.print()
        say(console, said, style="bold")
        console.print(Text(f"  {next_command(explanation)}"), soft_wrap=True, highlight=False)
