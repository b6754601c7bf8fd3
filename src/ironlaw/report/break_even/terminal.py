"""The break-even map on a terminal: one table for each change, then where it turns and which causes hold where."""

from __future__ import annotations

from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ironlaw.explanation import Difference
from ironlaw.explanation.break_even import BreakEvenMap, Gain
from ironlaw.missing import Missing
from ironlaw.report.break_even import sentences
from ironlaw.report.console import say
from ironlaw.report.doubts import concern_sentence
from ironlaw.report.words import DIFFERENCE_WORDS
from ironlaw.text import plain

_STYLES = {Difference.FASTER: "green", Difference.SLOWER: "red", Difference.UNPROVEN: "yellow"}


def show(drawn: BreakEvenMap, console: Console) -> None:
    """Print the map."""
    for title, gains in _by_change(drawn.gains):
        console.print(Text(title, style="bold"))
        console.print(_table(gains))
        for reason in dict.fromkeys(gain.speedup.reason for gain in gains if isinstance(gain.speedup, Missing)):
            say(console, f"– {plain(reason)}", style="dim")
        console.print()
    for turn in drawn.turns:
        say(console, sentences.turn_sentence(turn), style="bold")
    if not drawn.turns:
        say(console, sentences.no_turn_sentence(drawn))
    for holding in drawn.holdings:
        say(console, sentences.holding_sentence(holding))
    for concern in drawn.concerns:
        say(console, concern_sentence(concern), style="yellow")
        say(console, f"fix: {plain(concern.fix)}", indent=2)
    for absent in drawn.absent:
        say(console, sentences.absent_sentence(absent), style="red")
    say(console, sentences.progress_sentence(drawn))


def _by_change(gains: tuple[Gain, ...]) -> list[tuple[str, list[Gain]]]:
    def change(gain: Gain) -> tuple[str, str, str]:
        return (gain.place.model, gain.control, gain.changed)

    return [
        (plain(f"{model}: {changed} against {control}"), list(some))
        for (model, control, changed), some in groupby(sorted(gains, key=change), key=change)
    ]


def _table(gains: list[Gain]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    has_shape = any(gain.place.shape for gain in gains)
    table.add_column("host", overflow="fold")
    if has_shape:
        table.add_column("shape", overflow="fold")
    for heading in ("threads", "batch"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("gain", no_wrap=True)
    table.add_column("is", no_wrap=True)
    table.add_column("inputs until the one-time\ncost is repaid")
    for gain in gains:
        place = gain.place
        table.add_row(
            Text(plain(place.host)),
            *([Text(plain(place.shape))] if has_shape else []),
            str(place.threads),
            str(place.batch),
            Text(sentences.gain_text(gain)),
            Text(DIFFERENCE_WORDS[gain.difference]),
            Text(sentences.repaid_text(gain.inputs_to_repay)),
            style=_STYLES.get(gain.difference, ""),
        )
    return table
