"""An explanation on a terminal: the table first, then the answers."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from rich.console import Console
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ironlaw.concern import Concern, Weight
from ironlaw.explanation import (
    NOT_RECORDED,
    CauseVerdict,
    Comparison,
    Design,
    Difference,
    Explanation,
    Ledger,
    Outcome,
)
from ironlaw.missing import Missing, is_known
from ironlaw.report import splitting, words
from ironlaw.report.arms import agreement, boundaries, failure_sentence
from ironlaw.report.code import show_account
from ironlaw.report.columns import (
    ArmsTable,
    Column,
    added_arms,
    arms_table,
    asked_comparisons,
    asked_rows,
    cell_text,
    control_name,
    ordered_arms,
    widest_first,
)
from ironlaw.report.doubts import control_sentence, cut_sentence, doubts, stopped_sentence
from ironlaw.report.gaps import Gap, gap_sentence, gaps, without_told
from ironlaw.report.guesses import guesses, guesses_heading
from ironlaw.report.paragraph import headline, paragraph, rank_sentence
from ironlaw.report.quantity import TIME, Footnotes, align_points, number, scale_for
from ironlaw.report.recommendation import (
    FRONT_HEADING,
    front_sentence,
    mixed_sentences,
    next_best_sentences,
    recommendation_sentence,
    told_in_full,
)
from ironlaw.report.run_time import run_sentence
from ironlaw.report.verdicts import cause_sentence, told_sentence
from ironlaw.report.waterfall import told_with_waterfall, waterfall_heading, waterfall_rows
from ironlaw.text import plain

_LEDGER_TOP = 5
_WIDEST_NAME = 24
_NO_BREAK, _GLUE = "\N{NO-BREAK SPACE}", "\ue000"

_OUTCOME_STYLES = {
    Outcome.CONFIRMED: "green",
    Outcome.REFUTED: "red",
    Outcome.UNDECIDED: "yellow",
    Outcome.CONSISTENT: "cyan",
}
_ANSWER_STYLES = {words.OUTCOME_WORDS[outcome]: style for outcome, style in _OUTCOME_STYLES.items()}
_OUTCOME_ORDER = (Outcome.CONFIRMED, Outcome.CONSISTENT, Outcome.UNDECIDED, Outcome.REFUTED)
_DIFFERENCE_STYLES = {
    Difference.FASTER: "bold green",
    Difference.SLOWER: "bold red",
    Difference.NONE_SHOWN: "bold",
    Difference.UNPROVEN: "bold yellow",
}


class Verbosity(Enum):
    """How much is said."""

    QUIET = "quiet"  # the table and one sentence per comparison
    NORMAL = "normal"
    VERBOSE = "verbose"  # every arm's comparison, the whole ledger, the evidence behind each cause


def show(
    explanation: Explanation,
    console: Console,
    *,
    n: int | None = None,
    verbosity: Verbosity = Verbosity.NORMAL,
) -> None:
    """Print the table of the arms and what it means; with `n`, also the time of n inferences."""
    is_verbose = verbosity is Verbosity.VERBOSE
    if explanation.was_cut:
        _say(console, cut_sentence(), style="bold yellow")
    table = arms_table(explanation, n=n)
    _show_table(table if is_verbose else asked_rows(table), console)
    if not is_verbose and (added := sum(row.is_added for row in table.rows)):
        _say(console, f"{added} more arms ran for experiments; --verbose shows them too.", style="dim")
    for arm in explanation.arms:
        if arm.failure:
            _say(console, failure_sentence(arm), style="red")
    asked = told_with_waterfall(explanation, asked_comparisons(explanation))
    comparisons = explanation.comparisons if is_verbose else asked
    in_full = comparisons if is_verbose else told_in_full(explanation, asked)
    told: set[Told] = set()
    for comparison in widest_first(in_full):
        _show_comparison(comparison, explanation, console, verbosity=verbosity, told=told)
    _show_headlines([one for one in widest_first(comparisons) if one not in in_full], explanation, console)
    lost = gaps(table.lost, comparisons)
    if verbosity is Verbosity.QUIET:
        return
    _show_waterfall(explanation, console)
    _show_gaps(lost, console)
    _show_guesses(explanation, console, told=() if is_verbose else lost)
    _show_agreement(explanation, console, all_arms=is_verbose)
    if is_verbose:
        _show_boundaries(explanation, console)
    if is_known(explanation.plan):
        console.print()
        _say(console, control_sentence(explanation))
        for said in filter(None, (stopped_sentence(explanation), run_sentence(explanation.run))):
            _say(console, said)
    _show_concerns(explanation, console, told=() if is_verbose else lost)
    _show_front(explanation, console)
    _show_mixed(explanation, console)
    _show_recommendation(explanation, console)


def _say(console: Console, text: str | Text, *, style: str = "", indent: int = 0, hanging: int = 0) -> None:
    """Print wrapped text; `hanging` more spaces begin every line but the first."""
    whole = Text.assemble(text, style=style)
    # rich breaks lines at no-break spaces too; a letter in their place keeps a number and its unit together.
    whole.plain = whole.plain.replace(_NO_BREAK, _GLUE).replace(" %", f"{_GLUE}%")
    for place, line in enumerate(whole.wrap(console, max(20, console.width - indent - hanging))):
        line.rstrip()
        line.plain = line.plain.replace(_GLUE, _NO_BREAK)
        console.print(Text(" " * (indent + (hanging if place else 0))) + line, highlight=False)


def _show_table(table: ArmsTable, console: Console) -> None:
    footnotes = Footnotes()
    rest = list(table.columns)
    while rest:
        count, gap = _fitting(table, rest, console)
        console.print(_grid(table, rest[:count], footnotes, gap=gap))
        rest = rest[count:]
        if rest:
            console.print()
    for mark, reason in footnotes.lines():
        _say(console, f"{mark} {plain(reason)}", style="dim")


def _fitting(table: ArmsTable, columns: list[Column], console: Console) -> tuple[int, int]:
    """How many of the columns fit beside each other, and the space between them; at least one."""
    if _fits(_grid(table, columns, Footnotes(), gap=1), console):
        return len(columns), 2 if _fits(_grid(table, columns, Footnotes(), gap=2), console) else 1
    count = len(columns) - 1
    while count > 1 and not _fits(_grid(table, columns[:count], Footnotes(), gap=2), console):
        count -= 1
    return max(1, count), 2


def _fits(grid: Table, console: Console) -> bool:
    unbounded = console.options.update(max_width=10_000)
    return Measurement.get(console, unbounded, grid).maximum <= console.width


def _grid(table: ArmsTable, columns: list[Column], footnotes: Footnotes, *, gap: int) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    tallest = max((f"{column.heading}\n{column.unit}".count("\n") for column in columns), default=0)
    grid.add_column(Text("\n" * tallest + "arm"), overflow="fold", min_width=10, max_width=_WIDEST_NAME)
    for column in columns:
        title = f"{column.heading}\n{column.unit}"
        above = "\n" * (tallest - title.count("\n"))
        grid.add_column(Text(above + title, justify="right"), justify="right", no_wrap=True)
    texts = [align_points([cell_text(cell, footnotes) for cell in column.cells]) for column in columns]
    was_added = False
    for place, row in enumerate(table.rows):
        if row.is_added and not was_added:
            grid.add_row(Text("for experiments:", style="italic dim"))
            was_added = True
        name = Text(_folded(f"  {row.name}" if row.is_added else row.name))
        name.append(f"\n  {row.remark}" if row.remark else "", style="red")
        grid.add_row(name, *(Text(column[place]) for column in texts), style="dim" if row.failure else "")
    return grid


def _folded(name: str) -> str:
    """A long variant's name broken before a plus, the rest indented."""
    lines = [""]
    for place, part in enumerate(name.split("+")):
        piece = f"+{part}" if place else part
        if place and len(lines[-1]) + len(piece) > _WIDEST_NAME:
            lines.append("   ")
        lines[-1] += piece
    return "\n".join(lines)


# What need not be told twice: a cause, its outcome and the pair of arms behind it; or a remark.
Told = tuple[str, Outcome, Design, str | None, str | None] | str


def _show_comparison(
    comparison: Comparison, explanation: Explanation, console: Console, *, verbosity: Verbosity, told: set[Told]
) -> None:
    """One comparison; `told` are the experiments and remarks that stand above already and are not repeated."""
    console.print()
    if verbosity is Verbosity.QUIET:
        _say(console, headline(comparison, explanation))
        return
    head = headline(comparison, explanation)
    text = Text(paragraph(comparison, explanation))
    text.highlight_words([head], style=_DIFFERENCE_STYLES[comparison.difference])
    _say(console, text)
    if verbosity is Verbosity.VERBOSE and (check := rank_sentence(comparison)):
        _say(console, check, style="dim", indent=2)
    for verdict in sorted(comparison.causes, key=lambda verdict: _OUTCOME_ORDER.index(verdict.outcome)):
        key = (verdict.cause, verdict.outcome, verdict.design, verdict.control, verdict.changed)
        is_told = key in told and verdict.design is Design.PAIR and verbosity is not Verbosity.VERBOSE
        _show_cause(verdict, console, verbosity=verbosity, is_told=is_told and verdict.control is not None)
        told.add(key)
    _show_split(comparison, console, told=told)
    if sentence := splitting.what_if_sentence(comparison, explanation.plan):
        _say(console, sentence, indent=2)
    if is_known(comparison.account):
        show_account(comparison.account, comparison, console, is_whole=verbosity is Verbosity.VERBOSE)
    if is_known(comparison.ledger):
        _show_ledger(comparison.ledger, comparison, console, verbosity=verbosity)


def _show_headlines(comparisons: Sequence[Comparison], explanation: Explanation, console: Console) -> None:
    if not comparisons:
        return
    console.print()
    _say(console, "The other arms of the search; --verbose says of each why:", style="bold")
    for comparison in comparisons:
        _say(console, headline(comparison, explanation), indent=2, hanging=2)


def _show_cause(verdict: CauseVerdict, console: Console, *, verbosity: Verbosity, is_told: bool) -> None:
    text = Text()
    text.append(words.OUTCOME_SIGNS[verdict.outcome] + " ", style=_OUTCOME_STYLES[verdict.outcome])
    text.append(told_sentence(verdict) if is_told else cause_sentence(verdict))
    _say(console, text, indent=2, hanging=2)
    if verbosity is Verbosity.VERBOSE:
        for name, value in verdict.evidence.items():
            said = plain(value.reason) if isinstance(value, Missing) else number(value)
            _say(console, f"{plain(name)}: {said}", style="dim", indent=6)


def _show_split(comparison: Comparison, console: Console, *, told: set[Told]) -> None:
    split = splitting.split_of(comparison)
    if isinstance(split, Missing):
        if split != NOT_RECORDED:
            _say(console, f"No split: {plain(split.reason)}.", indent=2)
        return
    rows = splitting.split_rows(split)
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    for row in rows:
        grid.add_row(Text(row.title), Text(row.size), Text(row.share))
    if rows:
        _say(console, "By the iron law (positive: saved):", indent=2)
        console.print(Padding(grid, (0, 0, 0, 4), expand=False))
    for remark in splitting.split_remarks(split):
        if remark not in told:
            _say(console, remark, style="dim", indent=4)
        told.add(remark)


def _show_gaps(lost: list[Gap], console: Console) -> None:
    for place, gap in enumerate(lost):
        if not place:
            console.print()
        _say(console, gap_sentence(gap), style="dim")


def _show_ledger(ledger: Ledger, comparison: Comparison, console: Console, *, verbosity: Verbosity) -> None:
    rows = sorted(ledger.rows, key=lambda row: -abs(row.control_ns - row.changed_ns))
    shown = rows if verbosity is Verbosity.VERBOSE else rows[:_LEDGER_TOP]
    scale = scale_for(TIME, [time for row in shown for time in (row.control_ns, row.changed_ns)])
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    grid.add_column("layer", overflow="fold")
    for title in (comparison.control, comparison.changed, "saved"):
        grid.add_column(Text(f"{plain(title)}\n{scale.unit}", justify="right"), justify="right")
    for row in shown:
        times = (row.control_ns, row.changed_ns, row.control_ns - row.changed_ns)
        grid.add_row(Text(plain(row.layer)), *(Text(number(time, scale)) for time in times))
    title = "Layers:" if len(shown) == len(rows) else f"Layers that moved most ({len(shown)} of {len(rows)}):"
    _say(console, title, indent=2)
    console.print(Padding(grid, (0, 0, 0, 4)))


def _show_waterfall(explanation: Explanation, console: Console) -> None:
    rows = waterfall_rows(explanation)
    if not rows:
        return
    console.print()
    _say(console, waterfall_heading(), style="bold")
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    grid.add_column()
    grid.add_column(justify="right")
    for row in rows:
        grid.add_row(Text(row.name, style="bold" if row.is_whole else ""), Text(row.factor))
    console.print(Padding(grid, (0, 0, 0, 2)))


def _show_guesses(explanation: Explanation, console: Console, *, told: Sequence[Gap]) -> None:
    answered = guesses(explanation)
    if answered:
        console.print()
        _say(console, guesses_heading(), style="bold")
    for guess in answered:
        text = Text(f"{guess.guess}: ")
        text.append(guess.answer, style=_ANSWER_STYLES.get(guess.answer, ""))
        _say(console, text, indent=2, hanging=2)
        _say(console, without_told(" ".join(guess.evidence), told), style="dim", indent=4)


def _show_agreement(explanation: Explanation, console: Console, *, all_arms: bool) -> None:
    said: dict[str, list[str]] = {}
    hidden = frozenset[str]() if all_arms else added_arms(explanation)
    # Answers are compared with those of the plan's control, whichever arm the times are compared with.
    reference = control_name(explanation) if isinstance(explanation.plan, Missing) else explanation.plan.control.name
    for arm in ordered_arms(explanation):
        if arm.arm != reference and arm.arm not in hidden and (answer := agreement(arm)):
            said.setdefault(answer, []).append(plain(arm.arm))
    if said:
        console.print()
        named = "the control" if reference == control_name(explanation) else plain(reference)
        _say(console, f"Same answers as {named}?", style="bold")
    for answer, names in said.items():
        _say(console, f"{', '.join(names)}: {answer}", indent=2, hanging=2)


_WEIGHT_STYLES = {Weight.INVALIDATES: "bold red", Weight.DOUBTS: "yellow", Weight.NOTES: "dim"}


def _show_concerns(explanation: Explanation, console: Console, *, told: Sequence[Gap]) -> None:
    found = doubts(explanation, told=told)
    if found:
        console.print()
    listed: dict[str, list[Concern]] = {}
    for doubt in found:
        if doubt.concern.slug in words.LISTED:
            listed.setdefault(doubt.concern.slug, []).append(doubt.concern)
            continue
        _say(console, doubt.sentence, style=_WEIGHT_STYLES[doubt.concern.weight])
        if doubt.concern.fix:
            _say(console, f"fix: {plain(doubt.concern.fix)}", indent=2, hanging=2)
    for slug, items in listed.items():
        _show_listed(slug, items, console)


def _show_listed(slug: str, concerns: list[Concern], console: Console) -> None:
    """Concerns that begin alike, as a list under their common beginning."""
    weight = concerns[0].weight
    _say(console, f"{words.WEIGHT_WORDS[weight]}: {words.LISTED[slug]}", style=_WEIGHT_STYLES[weight])
    for concern in concerns:
        rest = plain(concern.text).removeprefix(words.LISTED[slug]).strip()
        _say(console, f"- {rest}. To get it: {plain(concern.fix)}", indent=2, hanging=2)


def _show_boundaries(explanation: Explanation, console: Console) -> None:
    said = boundaries(ordered_arms(explanation))
    if said:
        console.print()
        _say(console, "What is timed of an inference:", style="bold")
    for names, boundary in said:
        _say(console, f"{names}: {boundary}", indent=2, hanging=2)


def _show_front(explanation: Explanation, console: Console) -> None:
    if explanation.front:
        console.print()
        _say(console, f"{FRONT_HEADING}:", style="bold")
    for point in explanation.front:
        _say(console, front_sentence(point), indent=2)


def _show_mixed(explanation: Explanation, console: Console) -> None:
    said = mixed_sentences(explanation)
    if said:
        console.print()
        _say(console, "Blocks left in float:", style="bold")
    for sentence in said:
        _say(console, sentence, indent=2)


def _show_recommendation(explanation: Explanation, console: Console) -> None:
    recommendation = explanation.recommendation
    if is_known(recommendation):
        console.print()
        _say(console, recommendation_sentence(recommendation), style="bold")
        if recommendation.how:
            _say(console, plain(recommendation.how), indent=2)
        if others := next_best_sentences(recommendation, explanation):
            _say(console, "Next:", indent=2)
        for said in others:
            _say(console, said, indent=4)
