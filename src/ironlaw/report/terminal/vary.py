"""A recording that varies a setting, on a console: where it turns, and the table of its points."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ironlaw.explanation import Difference, Explanation, Outcome
from ironlaw.explanation.varied import Varied
from ironlaw.report.console import headed_grid, print_grid, say
from ironlaw.report.terminal.arms import wrapped_name
from ironlaw.report.terminal.comparisons import OUTCOME_STYLES
from ironlaw.report.terminal.verbosity import LeftOut
from ironlaw.report.vary import (
    PointRow,
    alone_sentences,
    open_sentence,
    point_rows,
    series_sentences,
    time_scale,
    verdict_text,
    word_of,
)
from ironlaw.text import plain

_NARROWEST = 16  # letters of an arm's name
_STYLES = {Difference.FASTER: "green", Difference.SLOWER: "red", Difference.UNPROVEN: "yellow"}


def show_points(explanation: Explanation, varied: Varied, console: Console, *, most: int | None, left: LeftOut) -> None:
    """Every arm at every point, or `most` of them: its time, and its difference from the control there."""
    rows = left.cut(point_rows(explanation, varied), most, "more row")
    unit = time_scale(explanation).unit
    grid = _grid(rows, unit)
    if (missing := _width(grid, console) - console.width) > 0:
        grid = _grid(rows, unit, widest=max(_NARROWEST, max(len(row.arm) for row in rows) - missing))
    if _width(grid, console) > console.width:
        grid.padding = (0, 1, 0, 0)
    print_grid(console, grid, indent=0)


def _grid(rows: Sequence[PointRow], unit: str, *, widest: int | None = None) -> Table:
    """The table; a name longer than `widest` is broken before a plus."""
    grid = headed_grid()
    grid.add_column("point", overflow="fold")
    grid.add_column("arm", overflow="fold")
    for title in (f"{unit} per inference", "speed-up"):
        grid.add_column(Text(f"{title}\n[95 %]", justify="right"), justify="right", no_wrap=True)
    has_words = any(word_of(row.difference) for row in rows)
    if has_words:  # rich gives an empty column a letter, which it takes from names
        grid.add_column("", no_wrap=True)
    for row in rows:
        style = "" if row.difference is None else _STYLES.get(row.difference, "")
        name = row.arm if widest is None else wrapped_name(row.arm, widest)
        cells = (plain(row.point), name, row.time, row.speedup)
        word = [Text(word_of(row.difference), style=style)] if has_words else []
        grid.add_row(*map(Text, cells), *word)
    return grid


def _width(grid: Table, console: Console) -> int:
    return Measurement.get(console, console.options.update(max_width=10_000), grid).maximum


def show_turning(
    explanation: Explanation, varied: Varied, console: Console, *, is_quiet: bool, most: int | None, left: LeftOut
) -> None:
    """The verdict on every two arms along each setting, or on `most` of them, first where the difference turns; of arms
    that are compared with no other, what is known.
    """
    for sentence in left.cut(alone_sentences(explanation, varied), most, "more sentence"):
        say(console, sentence)
    turning = sorted(varied.series, key=lambda one: one.outcome is not Outcome.CONFIRMED)
    for series in left.cut(varied.series if most is None else turning, most, "more verdict"):
        said = series_sentences(series)
        text = Text(f"{verdict_text(series)}. ", style=OUTCOME_STYLES[series.outcome])
        say(console, text.append(" ".join(said[:1] if is_quiet else said), style="none"))
    if not is_quiet:
        say(console, open_sentence(varied), style="dim")
    console.print()
