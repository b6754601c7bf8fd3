"""ironlaw history: list and query a folder of recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ironlaw.commands.showing import echo, say_json
from ironlaw.errors import BadInput

if TYPE_CHECKING:
    from ironlaw.history.queries import Filter, Questions

MOST_TRENDS = 20  # more than that is not readable; the filter selects which are meant


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(path_type=Path), default=Path("ironlaw-runs"))
@click.option("--model", metavar="NAME", help="Only recordings of this model.")
@click.option("--arm", metavar="ARM", help="Only comparisons of this arm, as either side.")
@click.option("--control", metavar="ARM", help="Only comparisons with this control.")
@click.option("--changed", metavar="ARM", help="Only comparisons of this arm.")
@click.option("--host", metavar="TEXT", help="Only CPUs whose name contains TEXT.")
@click.option("--version", metavar="TEXT", help='Only recordings with this version, e.g. "torch 2.6".')
@click.option("--since", metavar="DATE", help="Only recordings from this day on, e.g. 2025-03-01.")
@click.option("--until", metavar="DATE", help="Only recordings before this day.")
@click.option("--trend", "as_trend", is_flag=True, help="Show each comparison over time, and where it changed.")
@click.option("--sql", metavar="SELECT", help="Query the tables comparisons and recordings; read-only.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=20, show_default=True, help="Number of rows.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def history(folder: Path, as_trend: bool, sql: str | None, limit: int, as_json: bool, **chosen: str | None) -> int:
    """List the comparisons of all recordings below FOLDER, newest first, or query them.

    A catalogue is kept in FOLDER and updated for recordings that were added, removed or changed.
    """
    from ironlaw.history.catalogue import catalogue
    from ironlaw.history.queries import Filter, Questions

    if sql is not None and (as_trend or any(chosen.values())):
        raise BadInput("--sql excludes --trend and the filters", hint="write them into the SELECT")
    found = catalogue(folder, reading=_report_reading)
    if not found.is_kept:
        echo(f"ironlaw: {folder} cannot be written, so the catalogue is rebuilt each time", err=True)
    questions = Questions(found)
    if sql is not None:
        _answer_sql(questions, sql, as_json=as_json)
    elif as_trend:
        _show_trends(questions, Filter(**chosen), as_json=as_json)
    else:
        _show_list(questions, Filter(**chosen), limit=limit, as_json=as_json)
    return 0


def _report_reading(count: int) -> None:
    echo(f"reading {count:,} recordings that are new or changed", err=True)


def _answer_sql(questions: Questions, sql: str, *, as_json: bool) -> None:
    from rich.console import Console

    from ironlaw.report.history import show_answer

    answer = questions.sql(sql)
    if as_json:
        _print_json({"schema": 1, "columns": list(answer.columns), "rows": answer.records()})
    else:
        show_answer(answer, Console())


def _show_trends(questions: Questions, chosen: Filter, *, as_json: bool) -> None:
    from rich.console import Console

    from ironlaw.history.trend import trend_of
    from ironlaw.report.history import show_trend, trend_document

    series = questions.series(chosen)
    if not series:
        raise BadInput("no comparison with an interval matches the filter", hint="ironlaw history FOLDER lists all")
    if len(series) > MOST_TRENDS:
        models = ", ".join(dict.fromkeys(one.model for one in series[:100]))
        hint = f"choose with --model, --changed, --host; models: {models[:150]}"
        raise BadInput(f"{len(series)} comparisons match the filter, too many trends", hint=hint)
    trends = [trend_of(one) for one in series]
    if as_json:
        _print_json({"schema": 1, "trends": [trend_document(trend) for trend in trends]})
        return
    console = Console()
    for trend in trends:
        show_trend(trend, console)


def _show_list(questions: Questions, chosen: Filter, *, limit: int, as_json: bool) -> None:
    from rich.console import Console

    from ironlaw.report.history import show_list

    comparisons, recordings = questions.count(chosen)
    newest = questions.newest(chosen, limit=limit)
    problems = questions.problems().records()
    if as_json:
        counts = {"comparisons": comparisons, "recordings": recordings}
        _print_json({"schema": 1, **counts, "newest": newest.records(), "unreadable": problems})
        return
    if newest.rows:
        show_list(newest, Console())
    echo(f"{comparisons:,} comparisons in {recordings:,} recordings; the newest {len(newest.rows)} are shown.")
    for problem in problems[:5]:
        echo(f"not a recording: {problem['file']}: {problem['problem']}", err=True)
    if len(problems) > 5:
        echo(f"and {len(problems) - 5} more files that cannot be read (--json lists all)", err=True)


def _print_json(document: dict[str, object]) -> None:
    say_json(document, default=str)
