"""The figures of generating text on a console."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from ironlaw.explanation import Explanation
from ironlaw.report.console import headed_grid, print_grid, say
from ironlaw.report.generation import HEADING, HEADINGS, generation_table
from ironlaw.report.terminal.arms import wrapped_name
from ironlaw.report.terminal.verbosity import LeftOut

_WIDEST = 24  # letters of a line of the first column


def name_above_point(name: str) -> str:
    """An arm's name as `wrapped_name` breaks it, its point on a line of its own: the figures need the rest of 80."""
    lines = []
    for line in wrapped_name(name).split("\n"):
        head, _, point = line.rpartition(" ")
        lines += [head, f"   {point}"] if head.strip() and len(line) > _WIDEST else [line]
    return "\n".join(lines)


def show_generation(
    explanation: Explanation, console: Console, *, is_whole: bool, most: int | None, left: LeftOut
) -> None:
    """Print the table and what follows from it, `most` sentences; nothing for arms without a phase."""
    table = generation_table(explanation, with_added=is_whole)
    if not table.rows:
        return
    console.print()
    say(console, f"{HEADING}:", style="bold")
    grid = headed_grid()
    for place, heading in enumerate(HEADINGS):
        grid.add_column(heading, justify="right" if place else "left", no_wrap=True)
    rows = left.cut(table.rows, None if most is None else 4 * most, "more row|about generating text")
    for name, *cells in rows:
        grid.add_row(Text(name_above_point(name)), *map(Text, cells))
    print_grid(console, grid, indent=2)
    for sentence in left.cut(table.sentences, most, "more line|about generating text"):
        say(console, sentence, indent=2, hanging=2)
