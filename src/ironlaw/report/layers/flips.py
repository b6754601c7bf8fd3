"""Measured flips on a terminal: what int8 saves in each block, and whether the blocks add up."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ironlaw.estimate import Estimate
from ironlaw.explanation.split import Flips
from ironlaw.missing import Maybe, Missing
from ironlaw.report.doubts import together
from ironlaw.report.quantity import MILLISECONDS, decimal, shown
from ironlaw.text import plain


def show_flips(found: Flips, console: Console) -> None:
    """Print a row per block: the time saved with it alone in int8, and lost with it alone in float."""
    console.print(Text("Milliseconds per inference that int8 saves, including the conversions at the border:"))
    console.print()
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    grid.add_column("block", overflow="fold")
    for title in ("alone in int8 [95 %]", "lost when left in float [95 %]"):
        grid.add_column(Text(title, justify="right"), justify="right")
    for row in found.rows:
        grid.add_row(Text(plain(row.block)), Text(_estimate(row.alone)), Text(_estimate(row.left_float)))
    grid.add_row(Text("sum of these"), Text(_sum(found.sum_alone)), Text(_sum(found.sum_left_float)), style="bold")
    grid.add_row(Text("whole network"), Text(_estimate(found.whole)), Text(""), style="bold")
    console.print(grid)
    console.print()
    console.print(
        Text(
            "Were flips additive, a block would have the same value in both columns, and all blocks together that of "
            "the network; blocks not listed here were not flipped."
        )
    )
    gaps = {gap.reason for row in found.rows for gap in (row.alone, row.left_float) if isinstance(gap, Missing)}
    for reason in sorted(gaps):
        console.print(Text(f"–: {plain(reason)}."), style="dim")
    for doubt in together(found.concerns):
        console.print(Text(doubt.sentence), style="dim")


def _estimate(value: Maybe[Estimate]) -> str:
    return "–" if isinstance(value, Missing) else str(shown(value, MILLISECONDS, null=0.0))


def _sum(value: Maybe[float]) -> str:
    return "–" if isinstance(value, Missing) else decimal(value / MILLISECONDS.size, 3)
