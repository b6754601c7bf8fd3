"""A recording that varies a setting, on a console: where it turns, and the table of its points."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from ironlaw.explanation import Difference, Explanation
from ironlaw.explanation.varied import Varied
from ironlaw.report.console import headed_grid, print_grid, say
from ironlaw.report.terminal.comparisons import OUTCOME_STYLES
from ironlaw.report.vary import (
    alone_sentences,
    open_sentence,
    point_rows,
    series_sentences,
    time_scale,
    verdict_text,
    word_of,
)
from ironlaw.text import plain

_STYLES = {Difference.FASTER: "green", Difference.SLOWER: "red", Difference.UNPROVEN: "yellow"}


def show_points(explanation: Explanation, varied: Varied, console: Console) -> None:
    """Every arm at every point: its time, and its difference from the control there."""
    grid = headed_grid()
    grid.add_column("point", overflow="fold")
    grid.add_column("arm", overflow="fold")
    for title in (f"{time_scale(explanation).unit} per inference", "speed-up"):
        grid.add_column(Text(f"{title}\n[95 %]", justify="right"), justify="right")
    grid.add_column("")
    for row in point_rows(explanation, varied):
        style = "" if row.difference is None else _STYLES.get(row.difference, "")
        cells = (plain(row.point), row.arm, row.time, row.speedup)
        grid.add_row(*map(Text, cells), Text(word_of(row.difference), style=style))
    print_grid(console, grid, indent=0)


def show_turning(explanation: Explanation, varied: Varied, console: Console, *, is_quiet: bool) -> None:
    """The verdict on every two arms along each setting; of arms that are compared with no other, what is known."""
    for sentence in alone_sentences(explanation, varied):
        say(console, sentence)
    for series in varied.series:
        said = series_sentences(series)
        text = Text(f"{verdict_text(series)}. ", style=OUTCOME_STYLES[series.outcome])
        say(console, text.append(" ".join(said[:1] if is_quiet else said), style="none"))
    if not is_quiet:
        say(console, open_sentence(varied), style="dim")
    console.print()
