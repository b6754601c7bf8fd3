"""A gate's judgements in words, as a table and as JSON."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ironlaw.gate import Gate, Judgement, Quantity, Ruling
from ironlaw.missing import Missing
from ironlaw.report.quantity import PERCENT, decimal, growth, ratio, with_unit
from ironlaw.text import plain

SCHEMA = 1
# Distinguished by shape as well, for readers without colour.
_SIGNS = {
    Ruling.HELD: ("✓", "held", "green"),
    Ruling.OPEN: ("?", "undecided", "yellow"),
    Ruling.BROKEN: ("✗", "broken", "bold red"),
    Ruling.UNKNOWN: ("–", "not known", "cyan"),
}


def change_text(judgement: Judgement) -> str:
    """By how much it grew, as printed: +0.8 % [−1.0, +2.6]; a cause's part as a factor; the reason of a gap."""
    change = judgement.change_ln
    if isinstance(change, Missing):
        return plain(judgement.reason or change.reason)
    if judgement.rule.quantity is Quantity.CAUSE:
        return f"{ratio(change.through(math.exp))} ({plain(judgement.reason)})"
    return growth(change.through(math.expm1), PERCENT)


def broken_sentence(gate: Gate, judgement: Judgement) -> str:
    """Why the gate failed on this rule and arm."""
    arm, rule, change = plain(judgement.arm), plain(judgement.rule.text), change_text(judgement)
    if judgement.ruling is Ruling.UNKNOWN:
        return f"{rule} cannot be judged for {arm}: {change}"
    if judgement.rule.quantity is Quantity.CAUSE:
        return f"{rule} is broken by {arm}: {change}"
    return f"{rule} is broken by {arm}: {judgement.rule.quantity.value} {change} {_basis(gate, judgement)}"


def _basis(gate: Gate, judgement: Judgement) -> str:
    """What the growth is measured against."""
    control = _control(gate)
    if judgement.rule.quantity is Quantity.INSTRUCTIONS or gate.is_raw_clock:
        return f"against {control}" if gate.is_single else "against the old recording"
    return f"against {control}" if gate.is_single else f"relative to {control}, against the old recording"


def _control(gate: Gate) -> str:
    return "its own control" if gate.has_several_controls else plain(gate.control)


def method_sentence(gate: Gate) -> str:
    """How the judgements were made, and how sure they are."""
    if gate.is_raw_clock:
        how = "Times are absolute; no interval covers drift between the two runs, so a failure may be the machine's."
    elif gate.is_single:
        how = f"Each arm is judged against {_control(gate)} in the same rounds."
    else:
        control, shared = _control(gate), "the control" if gate.has_several_controls else plain(gate.control)
        how = (
            f"Each arm's time is judged relative to {control} of the same recording, old against new; "
            f"a change that {shared} shares is invisible."
        )
    level = with_unit(decimal(gate.confidence / PERCENT.size, 2), PERCENT)
    rate = "" if gate.is_raw_clock else " Two recordings of the same program fail in 2.5 % of the cases at most."
    return f"{how} Intervals are {level}, so that they hold jointly at 95 %.{rate}"


def show(gate: Gate, console: Console) -> None:
    """Print every judgement, those that broke first, and how they were made."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold", max_width=24)
    grid.add_column(overflow="fold")
    for judgement, arms in _grouped(gate):
        sign, word, style = _SIGNS[judgement.ruling]
        cells = (plain(judgement.rule.text), ", ".join(map(plain, arms)), change_text(judgement))
        grid.add_row(Text(f"{sign} {word}", style=style), *(Text(cell) for cell in cells))
    console.print(Padding(grid, (0, 0, 1, 0)), highlight=False)
    console.print(Text(method_sentence(gate)), highlight=False)


def _grouped(gate: Gate) -> list[tuple[Judgement, list[str]]]:
    """The judgements, those that broke first; arms that the same is reported of share one."""
    order = (Ruling.BROKEN, Ruling.UNKNOWN, Ruling.OPEN, Ruling.HELD)
    found: dict[tuple[str, Ruling, str], tuple[Judgement, list[str]]] = {}
    for judgement in sorted(gate.judgements, key=lambda judgement: order.index(judgement.ruling)):
        key = (judgement.rule.text, judgement.ruling, change_text(judgement))
        found.setdefault(key, (judgement, []))[1].append(judgement.arm)
    return list(found.values())


def to_document(gate: Gate, *, passed: bool) -> dict[str, Any]:
    """The gate as one JSON-ready object; growths are fractions, a gap is {"missing": reason}."""
    return {
        "schema": SCHEMA,
        "passed": passed,
        "control": gate.control,
        "basis": "clock" if gate.is_raw_clock else "control" if gate.is_single else "old recording",
        "confidence": gate.confidence,
        "judgements": [
            {
                "rule": judgement.rule.text,
                "arm": judgement.arm,
                "ruling": judgement.ruling.value,
                "change": _fraction(judgement),
                "text": broken_sentence(gate, judgement)
                if judgement.ruling in (Ruling.BROKEN, Ruling.UNKNOWN)
                else change_text(judgement),
            }
            for judgement in gate.judgements
        ],
    }


def _fraction(judgement: Judgement) -> dict[str, Any]:
    change = judgement.change_ln
    if isinstance(change, Missing):
        return {"missing": change.reason}
    grown = change.through(math.expm1)
    return {"value": grown.value, "low": grown.low, "high": grown.high}
