"""A history of recordings: lists and trends on a terminal, and a trend as JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ironlaw.estimate import Estimate
from ironlaw.missing import Missing
from ironlaw.report.console import say
from ironlaw.report.json_values import estimate_value
from ironlaw.report.quantity import decimal, ratio, significant_decimals
from ironlaw.text import plain

if TYPE_CHECKING:
    from ironlaw.history.queries import QueryResult
    from ironlaw.history.trend import Change, Trend

_RANGE = ("gain_low", "gain_high")
_SETTINGS = ("model", "control", "threads", "batch", "host")


def show_list(answer: QueryResult, console: Console) -> None:
    """The comparisons, newest first; what is the same in all of them is reported once, below."""
    records = answer.records()
    varying = [name for name in _SETTINGS if len({record[name] for record in records}) > 1]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("started (UTC)", no_wrap=True)
    table.add_column("changed", overflow="fold")
    for name in varying:
        table.add_column(name, overflow="fold", min_width=min(len(name), 7))
    table.add_column("gain", no_wrap=True)
    table.add_column("is")
    for record in records:
        table.add_row(
            _moment(record["started"]),
            _cell(record["changed"]),
            *(_cell(record[name]) for name in varying),
            Text(_gain(record)),
            _cell(record["difference"] or record["problem"]),
        )
    console.print(table)
    same = [f"{name} {records[0][name]}" for name in _SETTINGS if name not in varying]
    say(console, plain(f"all: {', '.join(same)}") if same else "", style="dim")


def show_answer(answer: QueryResult, console: Console) -> None:
    """Print the rows of a query, whatever its columns."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in answer.columns:
        table.add_column(Text(plain(column)), overflow="fold")
    for row in answer.rows:
        table.add_row(*(_cell(value) for value in row))
    console.print(table)


def show_trend(trend: Trend, console: Console) -> None:
    """Print the level of one comparison over time, and each change of it."""
    points = trend.series.points
    say(console, plain(str(trend.series)), style="bold")
    span = f"{_moment(points[0]['started'])} to {_moment(points[-1]['started'])}"
    say(console, f"{len(points)} recording{'s' if len(points) > 1 else ''}, {span}. {level_sentence(trend)}", indent=2)
    for change in trend.changes:
        say(console, change_sentence(change), indent=2, style="yellow")
    if not trend.changes:
        say(console, "No change of level is detected.", indent=2)
    if trend.averaged > 1:
        say(console, f"Changes are placed to within {trend.averaged} recordings.", indent=2, style="dim")


def level_sentence(trend: Trend) -> str:
    """The gain since the last change."""
    if isinstance(trend.level, Missing):
        return f"The level is not known: {trend.level.reason}."
    since = "since the last change" if trend.changes else "all the time"
    return f"The gain is {ratio(trend.level)} {since}."


def change_sentence(change: Change) -> str:
    """One change of level, and what else changed there."""
    step = change.step.through(math.exp)
    at_once = "; ".join(f"{name} {old} to {new}" for name, (old, new) in change.at_the_same_time.items())
    beside = f"At the same time: {at_once}." if at_once else "No recorded property changed at the same time."
    return plain(
        f"Between {_moment(change.before)} and {_moment(change.since)} the gain went from {_times(change.gain_before)} "
        f"to {_times(change.gain_after)}: by a factor of {ratio(step)}. {beside}"
    )


def trend_document(trend: Trend) -> dict[str, Any]:
    """A trend as JSON-ready values; gains are ratios of times, control over changed."""
    series = trend.series
    return {
        "model": series.model,
        "host": series.host,
        "threads": series.threads,
        "batch": series.batch,
        "control": series.control,
        "changed": series.changed,
        "recordings": len(series.points),
        "level": estimate_value(trend.level),
        "changes": [
            {
                "before": change.before,
                "since": change.since,
                "gain_before": change.gain_before,
                "gain_after": change.gain_after,
                "step": estimate_value(change.step.through(math.exp)),
                "at_the_same_time": {name: list(pair) for name, pair in change.at_the_same_time.items()},
                "text": change_sentence(change),
            }
            for change in trend.changes
        ],
        "averaged": trend.averaged,
        "points": [
            {"started": point["started"], "gain": math.exp(point["ln_gain"]), "file": point["file"]}
            for point in series.points
        ],
    }


def _gain(record: dict[str, Any]) -> str:
    if record["gain"] is None:
        return "–"
    low, high = (record[name] for name in _RANGE)
    if low is None or high is None:
        return _times(record["gain"])
    return ratio(Estimate(value=record["gain"], low=low, high=high))


def _times(gain: float) -> str:
    return f"{decimal(gain, significant_decimals(gain))}×"


def _moment(started: object) -> str:
    return plain(str(started)[:16].replace("T", " ")) if started else "–"


def _cell(value: object) -> Text:
    if value is None:
        return Text("–")
    return Text(f"{value:.6g}" if isinstance(value, float) else plain(str(value)))
