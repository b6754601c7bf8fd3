"""The ledger on a terminal: time by layer, adding up to the difference; and the work, speed and kernels of each."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ironlaw.explanation import (
    Comparison,
    Explanation,
)
from ironlaw.explanation.split import REPLACED, Ledger, LedgerRow, Term
from ironlaw.missing import Maybe, Missing
from ironlaw.report import words
from ironlaw.report.arm_names import arm_headings
from ironlaw.report.doubts import concern_sentence
from ironlaw.report.paragraph import headline
from ironlaw.report.quantity import COUNT, MILLISECONDS, PERCENT, decimal, number, ratio, shown
from ironlaw.text import plain

_DECIMALS = 3  # of milliseconds: a microsecond; the same in every cell, so that cells can be added by eye
_LEAST_ARM = 10
_ABBREVIATED: dict[Term, str] = {
    Term.INSTRUCTIONS: "instr",
    Term.CPI: "CPI",
    Term.FREQUENCY: "freq",
    Term.UTILISATION: "util",
    Term.KERNEL: "kernel",
    Term.CPU_TIME: "CPU",
}
_ABOUT = ("layer-reading-disturbs", "layers-unattributed", "asked-int8-ran-float")


def show_ledger(
    explanation: Explanation, comparison: Comparison, rows: Sequence[LedgerRow], total: LedgerRow, console: Console
) -> None:
    """Print the rows, their total, and what qualifies them."""
    ledger = comparison.ledger
    if isinstance(ledger, Missing):
        console.print(Text(f"No ledger: {plain(ledger.reason)}."), soft_wrap=False)
        return
    changed, control = plain(comparison.changed), plain(comparison.control)
    console.print(Text(headline(comparison, explanation), style="bold"))
    console.print(Text(f"Milliseconds per inference; saved: by how much {changed} is faster than {control}."))
    console.print()
    console.print(_table(rows, total, comparison, width=console.width))
    for sentence in _remarks(explanation, comparison, ledger, total):
        console.print(Text(sentence))


def _table(rows: Sequence[LedgerRow], total: LedgerRow, comparison: Comparison, *, width: int) -> Table:
    terms = [term for term in Term if not isinstance(total.terms.get(term, _ABSENT), Missing)]
    grid = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    # Six letters for a time, eight for a fate, and one between; arms have ten each, and what layers leave over.
    beside = 8 + 9 + 8 * len(terms)
    longest = max((len(plain(row.layer)) for row in rows), default=0)
    widest = max(_LEAST_ARM, (width - beside - longest - 3) // 2)
    grid.add_column("layer", overflow="ellipsis", no_wrap=True, max_width=max(14, width - beside - 2 * (widest + 1)))
    arms = arm_headings((comparison.control, comparison.changed), widest)
    for title in (*arms, "saved", "factor", *(_ABBREVIATED[term] for term in terms)):
        heading = Text(title, justify="right", overflow="fold")
        grid.add_column(heading, justify="right", overflow="ellipsis", max_width=widest if title in arms else 10)
    for row in rows:
        grid.add_row(*_cells(row, terms), style="" if row.fate in ("both", "appeared", "vanished") else "dim")
    grid.add_row(*("" for _ in range(5 + len(terms))))
    grid.add_row(*_cells(total, terms), style="bold")
    return grid


_ABSENT = Missing("is not a term of this row")


def _cells(row: LedgerRow, terms: Sequence[Term]) -> list[Text]:
    times = [_ms(ns) for ns in (row.control_ns, row.changed_ns, row.saved_ns)]
    return [
        Text(plain(row.layer)),
        *map(Text, times),
        Text(_factor(row)),
        *(Text(_ms(row.terms.get(term, _ABSENT))) for term in terms),
    ]


def _ms(ns: Maybe[float]) -> str:
    return "–" if isinstance(ns, Missing) else decimal(ns / MILLISECONDS.size, _DECIMALS)


def _factor(row: LedgerRow) -> str:
    """How many times faster the changed arm is in this row; words where only one arm has it."""
    if row.fate in ("appeared", "vanished"):
        return row.fate
    if row.fate == "unattributed" or min(row.control_ns, row.changed_ns) <= 0:
        return ""
    return ratio(row.control_ns / row.changed_ns)


def disturbance_sentence(ledger: Ledger) -> str:
    """How reading the layers changed the speed-up."""
    read, alone = ledger.disturbed_speedup, ledger.undisturbed_speedup
    if isinstance(read, Missing):
        return f"Whether reading layers changes the speed-up is not known: {plain(read.reason)}."
    if isinstance(alone, Missing):
        return f"Whether reading layers changes the speed-up is not known: {plain(alone.reason)}."
    return f"Speed-up without reading layers {shown(alone)}, with it {shown(read)}."


def ledger_notes(ledger: Ledger) -> list[str]:
    """The notes below a ledger in every output: the effect of reading it, and what is not known."""
    return [disturbance_sentence(ledger), *(f"Note: {plain(note)}." for note in ledger.notes)]


def _remarks(explanation: Explanation, comparison: Comparison, ledger: Ledger, total: LedgerRow) -> list[str]:
    """What qualifies the ledger: the effect of reading it, terms without a value, notes and concerns."""
    said = ["", disturbance_sentence(ledger)]
    lost: dict[str, list[str]] = {}
    for term, value in total.terms.items():
        if isinstance(value, Missing) and value != REPLACED:
            lost.setdefault(value.reason, []).append(words.TERM_TITLES[term])
    said += [f"Not known layer by layer: {', '.join(titles)} ({plain(reason)})." for reason, titles in lost.items()]
    said += [f"Note: {plain(note)}." for note in ledger.notes]
    about = {comparison.control, comparison.changed}
    said += [
        concern_sentence(concern) for concern in explanation.concerns if concern.slug in _ABOUT and concern.arm in about
    ]
    return said


def show_work(comparison: Comparison, rows: Sequence[LedgerRow], console: Console) -> None:
    """Print each row's work in the changed arm, its speed, its kernel, and its distance from the machine's ceiling."""
    console.print()
    console.print(Text(f"Work of {plain(comparison.changed)} (of the control, where a layer was removed):"))
    grid = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    grid.add_column("layer", overflow="ellipsis", no_wrap=True, max_width=20)
    grid.add_column("kind", overflow="ellipsis", no_wrap=True, max_width=12)
    for title in ("MAC", "GMAC/s", "ceiling", "gap, ms"):
        grid.add_column(Text(title, justify="right"), justify="right")
    grid.add_column("ran", overflow="fold", ratio=1)
    for row in rows:
        work = row.changed_work or row.control_work
        if work:
            grid.add_row(*map(Text, _work_cells(row, work)))
    console.print(grid)
    gaps = {
        value.reason
        for row in rows
        for value in (row.changed_work or row.control_work).values()
        if isinstance(value, Missing)
    }
    for reason in sorted(gaps):
        console.print(Text(f"–: {plain(reason)}."), style="dim")


def _work_cells(row: LedgerRow, work: dict[str, Maybe[float]]) -> list[str]:
    return [
        plain(row.layer),
        row.kind,
        _counted(work.get("macs", _ABSENT)),
        _plain(work.get("gmac_per_s", _ABSENT)),
        _share(work.get("share_of_ceiling", _ABSENT)),
        _ms(work.get("gap_ns", _ABSENT)),
        plain(_briefly(row.executed[1] or row.executed[0])),
    ]


def _briefly(executed: str) -> str:
    """The format and the kernel's own name, without the primitive and the formats that oneDNN prints around it."""
    said = []
    for one in executed.split("; "):
        form, comma, kernel = one.partition(", ")
        parts = kernel.split(" ")
        said.append(form + comma + (parts[1] if len(parts) == 3 and ":" in parts[1] else kernel))
    return "; ".join(said)


def _counted(value: Maybe[float]) -> str:
    if isinstance(value, Missing):
        return "–"
    if value == 0:
        return "0"
    scale = next((scale for scale in reversed(COUNT) if value >= scale.size), COUNT[0])
    return f"{number(value, scale)} {scale.unit}".strip()


def _plain(value: Maybe[float]) -> str:
    return "" if value is _ABSENT else "–" if isinstance(value, Missing) else number(value)


def _share(value: Maybe[float]) -> str:
    return "" if value is _ABSENT else "–" if isinstance(value, Missing) else f"{number(value, PERCENT, digits=2)} %"
