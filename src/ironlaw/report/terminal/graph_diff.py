"""What differs between two given files, on a console."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from ironlaw.explanation import Comparison
from ironlaw.report.console import headed_grid, print_grid, say
from ironlaw.report.graph_diff import HEADING, diff_of, diff_rows, diff_sentence, left_out_sentence, same_sentence
from ironlaw.text import plain

_MOST = 6  # kinds of changes in the default output
_WIDEST_CHANGE, _WIDEST_NAMES = 32, 24  # columns, so that the table fits with both times


def show_graph_diff_briefly(comparison: Comparison, console: Console) -> None:
    """The same in a sentence."""
    diff = diff_of(comparison)
    if diff is not None:
        say(console, diff_sentence(diff), indent=2, hanging=2)


def show_graph_diff(comparison: Comparison, console: Console, *, is_whole: bool) -> None:
    """Print what appeared, vanished and changed type; nothing where the arms are not two given files."""
    diff = diff_of(comparison)
    if diff is None:
        return
    say(console, f"{HEADING}: {same_sentence(diff)}")
    unit, rows = diff_rows(diff, most=None if is_whole else _MOST)
    if rows:
        grid = headed_grid()
        grid.add_column("change", overflow="fold", min_width=min(_WIDEST_CHANGE, max(len(row.what) for row in rows)))
        grid.add_column("nodes", justify="right")
        for title in (comparison.control, comparison.changed) if unit else ():
            grid.add_column(Text(f"{plain(title)}\n{unit}", justify="right"), justify="right")
        if is_whole:
            grid.add_column("names", overflow="fold")
        else:
            grid.add_column("names", overflow="ellipsis", no_wrap=True, max_width=_WIDEST_NAMES)
        for row in rows:
            times = (row.control, row.changed) if unit else ()
            grid.add_row(*map(Text, (row.what, row.count, *times, row.names)))
        print_grid(console, grid, indent=2)
    if not is_whole and (said := left_out_sentence(diff, most=_MOST)):
        say(console, said, style="dim", indent=2)
