"""The effect of each layer on the answers: as a table on a terminal, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ironlaw.estimate import Estimate
from ironlaw.explanation.sensitivity import AnswerAgreement, LayerAnswers, Sensitivity
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.replay import Use
from ironlaw.report.json_values import SCHEMA, estimate_value, gap, number_value
from ironlaw.report.quantity import MILLISECONDS, decimal, percent
from ironlaw.report.words import ended
from ironlaw.text import plain

_COLUMNS = {
    "layer": "",
    "SQNR own": "dB",
    "SQNR out": "dB",
    "agrees alone [95 %]": "",
    "left float": "",
    "clipped": "",
    "max/p99.9": "",
    "dead": "",
    "int8 saves": "ms",
}


_LEAST_LAYER = 12


def sensitivity_headings() -> tuple[str, ...]:
    """The columns of the table with their units."""
    return tuple(f"{title}, {unit}" if unit else title for title, unit in _COLUMNS.items())


def show_sensitivity(found: Sensitivity, console: Console, *, top: int | None) -> None:
    """A row for each layer, those that cost the answers most first."""
    console.print(Text(answers_headline(found)))
    console.print()
    grid = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    shown = found.layers[:top]
    rows = [cells(layer) for layer in shown]
    headings = [_in_lines(title) for title in sensitivity_headings()]
    columns = [
        [*heading.splitlines(), *column] for heading, column in zip(headings, zip(*rows, strict=True), strict=True)
    ]
    beside = sum(1 + max(map(len, lines)) for lines in columns[1:])
    widest = max(_LEAST_LAYER, console.width - beside)
    grid.add_column(headings[0], overflow="ellipsis", no_wrap=True, max_width=widest)
    for heading in headings[1:]:
        grid.add_column(Text(heading, justify="right"), justify="right", overflow="fold")
    for row in rows:
        grid.add_row(*map(Text, row))
    console.print(grid)
    if len(found.layers) > len(shown):
        console.print(
            Text(f"{len(found.layers) - len(shown)} further layers cost the answers less: --all."), style="dim"
        )
    console.print()
    for line in footing(found):
        console.print(Text(line), style="dim")


def _in_lines(heading: str) -> str:
    """A heading with a word a line: the numbers and the names of layers need the width."""
    return heading.replace(", ", "\n").replace(" ", "\n").replace("/", "/\n").replace("[95\n%]", "[95 %]")


def answers_headline(found: Sensitivity) -> str:
    """The agreement of the whole network in int8, and the layer that lowers it most."""
    parts = [f"{agreement_words(one)} on {used(use)}" for use, one in _known_uses(found.whole)]
    whole = f"{plain(found.arm)}, every layer in int8: {'; '.join(parts)}."
    first = f"Alone in int8, {plain(found.layers[0].name)} costs the answers most."
    return f"{whole} {first} All other layers are in float beside a layer that is alone in int8."


def footing(found: Sensitivity) -> list[str]:
    """The notes below the table: inputs, method, and gaps."""
    counts = ", ".join(f"{one.inputs} {used(use)}" for use, one in found.whole.items())
    lines = [
        f"Inputs: {counts}; the columns are of held-out ones, the order of those to choose by. "
        f"SQNR own is of the layer's output, SQNR out of the network's.",
        f"Replayed in {found.took_s:.0f} s by {found.how}.",
    ]
    for use, one in found.arm_itself.items():
        if use is Use.HELD_OUT:
            lines.append(f"The arm's own program: {agreement_words(one)} on {used(use)}.")
    if isinstance(found.control, Missing):
        lines.append(f"Times are not known: {plain(found.control.reason)}.")
    if any(isinstance(one.gained_ns, Missing) for one in found.layers) and is_known(found.control):
        lines.append("–: the ledger has no such layer in int8.")
    widths = [one.agreement for one in found.whole.values() if isinstance(one.agreement, Estimate)]
    if widths and max(one.high - one.low for one in widths) > WIDE:
        lines.append("Few inputs: the intervals of agreement are wide.")
    lines += not_replayed(found)
    return [*lines, *(f"{plain(note)[:1].upper()}{plain(note)[1:]}." for note in found.notes)]


def not_replayed(found: Sensitivity) -> list[str]:
    """The layers that could not be replayed, those of one reason together."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in found.failed.items():
        by_reason.setdefault(reason, []).append(plain(name))
    return [f"Not replayed: {some_of(names)}: {ended(plain(reason))}" for reason, names in by_reason.items()]


def some_of(names: Sequence[str]) -> str:
    """The first of several names, and how many more there are."""
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


_NAMED = 6
WIDE = 0.05  # of an interval of agreement, from which on it is said that it is wide


def _known_uses(by_use: dict[Use, AnswerAgreement]) -> Sequence[tuple[Use, AnswerAgreement]]:
    return [(use, by_use[use]) for use in (Use.CHOOSING, Use.HELD_OUT) if use in by_use]


def used(use: Use) -> str:
    """The use of a set of inputs, in words."""
    return {
        Use.CALIBRATING: "calibrating inputs",
        Use.CHOOSING: "inputs to choose by",
        Use.HELD_OUT: "held-out inputs",
    }[use]


def agreement_words(one: AnswerAgreement) -> str:
    """An agreement as text: 90.6 % [80.7, 96.5] have the same top class."""
    if isinstance(one.agreement, Missing):
        return plain(one.agreement.reason)
    value = agreement_cell(one)
    return f"{value} have the same top class" if one.by_class else f"cosine {value}{_column_words(one)}"


def _column_words(one: AnswerAgreement) -> str:
    return f", its worst column agrees by {decimal(one.column, 3)}" if is_known(one.column) else ""


def agreement_cell(one: AnswerAgreement | None) -> str:
    """An agreement with its interval."""
    if one is None or isinstance(one.agreement, Missing):
        return "–"
    found = one.agreement
    if one.by_class:
        return f"{percent(found.value, digits=3)} [{100 * found.low:.1f}, {100 * found.high:.1f}]"
    return f"{found.value:.4f} [{found.low:.4f}, {found.high:.4f}]"


def cells(layer: LayerAnswers) -> tuple[str, ...]:
    """A layer's row, one text per column of `headings`."""
    alone = _shown(layer.alone)
    left = None if isinstance(layer.left_float, Missing) else _shown(layer.left_float)
    return (
        plain(layer.name),
        _decibels(layer.own_sqnr_db),
        "–" if alone is None else _decibels(alone.sqnr_db),
        agreement_cell(alone),
        "–" if left is None or isinstance(left.least, Missing) else _least(left),
        "–" if isinstance(layer.clipped, Missing) else percent(layer.clipped),
        "–" if isinstance(layer.stretched, Missing) else decimal(layer.stretched, 1),
        f"{layer.dead}/{layer.channels}" if layer.channels else "–",
        "–" if isinstance(layer.gained_ns, Missing) else decimal(layer.gained_ns / MILLISECONDS.size, 3),
    )


def _least(one: AnswerAgreement) -> str:
    assert not isinstance(one.least, Missing), "an agreement that is shown is known"
    return percent(one.least, digits=3) if one.by_class else f"{one.least:.4f}"


def _shown(by_use: dict[Use, AnswerAgreement]) -> AnswerAgreement | None:
    return by_use.get(Use.HELD_OUT) or by_use.get(Use.CHOOSING)


def _decibels(value: Maybe[float]) -> str:
    return "–" if isinstance(value, Missing) else decimal(value, 1)


def sensitivity_markdown(found: Sensitivity) -> str:
    """The whole table, for an issue or a pull request."""
    titles = sensitivity_headings()
    rows = [cells(layer) for layer in found.layers]
    lines = [
        "| " + " | ".join(titles) + " |",
        "|" + "|".join("---" if not place else "---:" for place in range(len(titles))) + "|",
        *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows),
    ]
    return "\n".join([answers_headline(found), "", *lines, "", *footing(found)])


def sensitivity_document(found: Sensitivity) -> dict[str, Any]:
    """As the JSON document has it."""
    return {"schema": SCHEMA, **sensitivity_value(found)}


def sensitivity_value(found: Maybe[Sensitivity]) -> Any:
    """A sensitivity within another document."""
    if isinstance(found, Missing):
        return gap(found)
    return {
        "arm": found.arm,
        "control": gap(found.control) if isinstance(found.control, Missing) else found.control,
        "how": found.how,
        "took_s": found.took_s,
        "whole": _agreement_values(found.whole),
        "arm_itself": _agreement_values(found.arm_itself),
        "layers": [_layer_value(one) for one in found.layers],
        "mixtures": [{"left_float": list(one.floats), **_agreement_values(one.agreement)} for one in found.mixtures],
        "failed": dict(found.failed),
        "notes": list(found.notes),
    }


def _layer_value(one: LayerAnswers) -> dict[str, Any]:
    left = one.left_float
    return {
        "layer": one.name,
        "path": one.path,
        "operator": one.operator,
        "nodes": list(one.nodes),
        "own_sqnr_db": number_value(one.own_sqnr_db),
        "alone_int8": _agreement_values(one.alone),
        "left_float": gap(left) if isinstance(left, Missing) else _agreement_values(left),
        "clipped": number_value(one.clipped),
        "stretched": number_value(one.stretched),
        "dead_channels": one.dead,
        "channels": one.channels,
        "int8_saves_ms": number_value(one.gained_ns, unit=MILLISECONDS.size),
    }


def _agreement_values(by_use: dict[Use, AnswerAgreement]) -> dict[str, Any]:
    return {use.value: agreement_value(one) for use, one in by_use.items()}


def agreement_value(one: AnswerAgreement) -> dict[str, Any]:
    """How far answers agree on inputs of one use."""
    return {
        "inputs": one.inputs,
        "agreement": estimate_value(one.agreement),
        "by": "top class" if one.by_class else "cosine",
        "worst_column": number_value(one.column),
        "sqnr_db": number_value(one.sqnr_db),
    }
