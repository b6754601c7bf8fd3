"""The figures of generating text on a console."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from ironlaw.explanation import Explanation
from ironlaw.report.console import BETWEEN, headed_grid, print_grid, say
from ironlaw.report.generation import HEADING, HEADINGS, generation_table
from ironlaw.report.terminal.arms import wrapped_name
from ironlaw.report.terminal.verbosity import LeftOut

_INDENT = 2
_NARROWEST = len("   +phase=prefill:128")  # letters of a line of the first column


def _beside_names(rows: Sequence[tuple[str, ...]], gap: int) -> int:
    """The letters of a line that the figures and the space between the columns take."""
    columns = zip(HEADINGS, *rows, strict=True)
    return sum(gap + max(len(line) for cell in column for line in cell.split("\n")) for column in [*columns][1:])


def show_generation(
    explanation: Explanation, console: Console, *, is_whole: bool, most: int | None, left: LeftOut
) -> None:
    """Print the table and what follows from it, `most` sentences; nothing for arms without a phase."""
    table = generation_table(explanation, with_added=is_whole)
    rows = left.cut(table.rows, None if most is None else 4 * most, "more row|about generating text")
    if not rows:
        return
    console.print()
    say(console, f"{HEADING}:", style="bold")
    grid = headed_grid()
    for place, heading in enumerate(HEADINGS):
        grid.add_column(heading, justify="right" if place else "left", no_wrap=True)
    widest = console.width - _INDENT - _beside_names(rows, BETWEEN)
    if widest < _NARROWEST:
        grid.padding = (0, 1, 0, 0)
        widest = max(_NARROWEST, console.width - _INDENT - _beside_names(rows, 1))
    for name, *cells in rows:
        grid.add_row(Text(wrapped_name(name, widest)), *map(Text, cells))
    print_grid(console, grid, indent=_INDENT)
    for sentence in left.cut(table.sentences, most, "more line|about generating text"):
        say(console, sentence, indent=2, hanging=2)
