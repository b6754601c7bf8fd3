"""The association of counters with time, as a table with its caveats."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ironlaw.causes import CAUSES, TESTED
from ironlaw.explanation import Association, Explanation
from ironlaw.missing import Missing
from ironlaw.report.columns import added_arms, ordered_arms
from ironlaw.report.console import say
from ironlaw.report.quantity import COUNT, MILLISECONDS, MINUS, Footnotes, number, scale_for, with_unit
from ironlaw.report.words import unit_of_work
from ironlaw.text import plain

_TITLES = {"steal_ns": "steal time (ns)", "throttled_ns": "quota stops (ns)"}
_STILL = Missing("it did not vary")
_WIDEST_NAME = 24


def show_associations(explanation: Explanation, console: Console, *, verbose: bool = False) -> None:
    """Every counter against time: over arms, and over replicates and rounds of each arm that was requested.

    `verbose` adds the arms that only experiments needed.
    """
    shown = [item for item in explanation.associations if item.correlation != _STILL]
    if not shown:
        console.print("No counter that varied was read often enough to correlate it with time.")
        return
    footnotes = Footnotes()
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    grid.add_column("counter", overflow="fold", max_width=_WIDEST_NAME)
    grid.add_column("over", no_wrap=True)
    for title in ("n", "covariance", "correlation [95 %]"):
        grid.add_column(title, justify="right", no_wrap=True)
    for arm in _groups(explanation, verbose=verbose):
        items = [item for item in shown if item.arm == arm]
        if items:
            grid.add_row(Text(f"{plain(arm)}:" if arm else "all arms:", style="italic"))
        for item in items:
            grid.add_row(*_cells(item, footnotes))
    console.print(grid)
    for mark, reason in footnotes.lines():
        console.print(Text(f"{mark} {plain(reason)}", style="dim"))
    console.print()
    for sentence in caveats(explanation):
        say(console, sentence)


def _groups(explanation: Explanation, *, verbose: bool) -> list[str]:
    """The arms in the plan's order, behind the empty name that stands for all together."""
    hidden = frozenset() if verbose else added_arms(explanation)
    return ["", *(arm.arm for arm in ordered_arms(explanation) if arm.arm not in hidden)]


def _cells(item: Association, footnotes: Footnotes) -> tuple[Text, ...]:
    found = item.correlation
    if isinstance(found, Missing):
        correlation = footnotes.mark(found)
    else:
        correlation = f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]".replace("-", MINUS)
    texts = (f"  {counter_title(item.counter)}", item.over, str(item.n), covariance_text(item), correlation)
    return tuple(Text(text) for text in texts)


def covariance_text(item: Association) -> str:
    """The covariance in counts times ms per inference, to three digits: 2.61 k."""
    in_ms = item.covariance / MILLISECONDS.size
    scale = scale_for(COUNT, [in_ms])
    return with_unit(number(in_ms, scale), scale)


def counter_title(counter: str) -> str:
    """What a counter is called in a table."""
    return _TITLES.get(counter, plain(counter))


def caveats(explanation: Explanation) -> list[str]:
    """What the numbers are, what a correlation does not say, and which experiments would."""
    counters = [item.counter for item in explanation.associations]
    still = list(dict.fromkeys(counter_title(i.counter) for i in explanation.associations if i.correlation == _STILL))
    work = unit_of_work(explanation.plan)
    said = [
        f"Covariance is 1/n Σ(x − mean x)(t − mean t), of counts and ms per {work}; "
        "over rounds, within each replicate.",
    ]
    if still:
        said.append(f"Left out, since it did not vary: {', '.join(still)}.")
    said.append(
        "This is association, not cause: what changes time can change a counter as well, and both can follow a "
        f"third. Of the {_judged(explanation)} intervals one in twenty excludes zero by noise alone."
    )
    events = {name.partition(":")[0] for name in counters}
    slugs = [slug for slug in TESTED if events.intersection(CAUSES[slug].events)]
    if slugs:
        said.append(f"Test it by an experiment: ironlaw run --experiments with one of: {', '.join(slugs)}.")
    return said


def _judged(explanation: Explanation) -> int:
    return sum(not isinstance(item.correlation, Missing) for item in explanation.associations)
