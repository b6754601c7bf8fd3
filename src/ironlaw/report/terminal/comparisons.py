"""Comparisons on a console: the answer, its causes, and where the time went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

from ironlaw.causes import cause_of
from ironlaw.experiment import CauseState
from ironlaw.explanation import (
    NOT_RECORDED,
    CauseVerdict,
    Comparison,
    Design,
    Difference,
    Explanation,
    Outcome,
)
from ironlaw.explanation.split import Ledger
from ironlaw.missing import Missing, is_known
from ironlaw.report import splitting, words
from ironlaw.report.arm_names import arm_headings
from ironlaw.report.console import bare_grid, headed_grid, print_grid, say, say_in_a_line
from ironlaw.report.paragraph import brief_paragraph, headline, paragraph, rank_sentence
from ironlaw.report.quantity import TIME, number, scale_for
from ironlaw.report.terminal.attached import show_operators
from ironlaw.report.terminal.code import show_account
from ironlaw.report.terminal.graph_diff import show_graph_diff, show_graph_diff_briefly
from ironlaw.report.terminal.verbosity import Detail, LeftOut, Room, Verbosity
from ironlaw.report.verdicts import (
    brief_sentence,
    cause_sentence,
    decision_text,
    effect_text,
    name_of,
    opposes,
    same_experiment_sentence,
)
from ironlaw.text import plain

_LEDGER_TOP = 3
_LONGEST_LAYER = 40  # what a layer's name takes before those of arms are broken into lines
_LEAST_ARM = 8
_BESIDE_ARMS = 4 + 4 * 2 + 7  # the indent, the space behind each column, and what is saved
_AGAINST = "confirmed, against the difference"
OUTCOME_STYLES = {
    Outcome.CONFIRMED: "green",
    Outcome.REFUTED: "red",
    Outcome.UNDECIDED: "yellow",
    Outcome.CONSISTENT: "cyan",
}
_OUTCOME_ORDER = (Outcome.CONFIRMED, Outcome.CONSISTENT, Outcome.UNDECIDED, Outcome.REFUTED)
_DIFFERENCE_STYLES = {
    Difference.FASTER: "bold green",
    Difference.SLOWER: "bold red",
    Difference.NONE_SHOWN: "bold",
    Difference.UNPROVEN: "bold yellow",
}

# A cause, its outcome and the pair of arms behind it; or a remark.
_Key = tuple[str, Outcome, Design, str | None, str | None] | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparisons:
    """Prints comparisons; an experiment or a remark that was printed before is not repeated."""

    explanation: Explanation
    console: Console
    verbosity: Verbosity
    room: Room
    left: LeftOut
    printed: set[_Key] = field(default_factory=set)

    def show(self, comparisons: Sequence[Comparison]) -> None:
        """The first at length and the others in a paragraph each; all of them at length where everything is shown.

        Comparisons of published tables and attached files, which have no plan, are always short.
        """
        is_limited = self.verbosity is Verbosity.NORMAL and is_known(self.explanation.plan)
        others = comparisons[1:] if is_limited and not self.room.has_paragraphs else ()
        for place, comparison in enumerate(comparisons[: len(comparisons) - len(others)]):
            is_brief = place > 0 and is_limited
            if not is_brief or place == 1:
                self.console.print()
            if self.verbosity is Verbosity.QUIET:
                say(self.console, headline(comparison, self.explanation))
            elif is_brief:
                self._show_briefly(comparison)
            else:
                self._show_at_length(comparison)
        self._show_in_lines(others)

    def _show_answer(self, comparison: Comparison, said: str) -> None:
        head = headline(comparison, self.explanation)
        text = Text(said)
        text.highlight_words([head], style=_DIFFERENCE_STYLES[comparison.difference])
        say(self.console, text)

    def _show_briefly(self, comparison: Comparison) -> None:
        """The answer, its confirmed causes, and the names of the others."""
        self._show_answer(comparison, brief_paragraph(comparison, self.explanation))
        show_graph_diff_briefly(comparison, self.console)
        self._show_confirmed(comparison, self.room.confirmed_of_others)
        rest = _not_confirmed(comparison)
        if self.room.has_open_of_others:
            self._show_names(rest)
        else:
            self.left.part("what the other comparisons leave open", bool(rest))

    def _show_in_lines(self, comparisons: Sequence[Comparison]) -> None:
        """A line for each with a confirmed cause; the table has what they gain."""
        lines = [(comparison, _confirmed(comparison.causes)) for comparison in comparisons]
        if any(confirmed for _, confirmed in lines):
            self.console.print()
            say(self.console, "Confirmed in the other comparisons:", style="bold")
        for comparison, confirmed in lines:
            if confirmed:
                names = [f"{name_of(one)}{' (against the difference)' * opposes(one, comparison)}" for one in confirmed]
                start = f"{plain(comparison.changed)}: "
                said = _fitting(list(dict.fromkeys(names)), self.console.width - len(start) - 2)
                say_in_a_line(self.console, start + said, indent=2)
        self.left.count("comparison|in a paragraph", len(comparisons))

    def _show_at_length(self, comparison: Comparison) -> None:
        is_verbose = self.verbosity is Verbosity.VERBOSE
        if is_verbose or self.room.has_places:
            show_graph_diff(comparison, self.console, is_whole=is_verbose)
        else:
            show_graph_diff_briefly(comparison, self.console)
        self._show_answer(comparison, paragraph(comparison, self.explanation))
        if is_verbose and (check := rank_sentence(comparison)):
            say(self.console, check, style="dim", indent=2)
        # Of attached files nothing is tested: what each suspicion rests on is all there is.
        in_words = is_verbose or not is_known(self.explanation.plan)
        if in_words:
            for verdict in _in_order(comparison.causes):
                self._show_cause(verdict, comparison)
        else:
            self._show_confirmed(comparison, self.room.confirmed)
            self._show_open(comparison)
            self._show_untested()
        self._show_places(comparison)

    def _show_places(self, comparison: Comparison) -> None:
        """Where the time went: by the iron law, by executed code, by operator and by layer."""
        is_verbose = self.verbosity is Verbosity.VERBOSE
        if not is_verbose and not self.room.has_places and is_known(self.explanation.plan):
            self.left.part("the split by the iron law", is_known(splitting.split_of(comparison)))
            self.left.part("the time by executed code", is_known(comparison.account))
            self.left.part("the time by layer", is_known(comparison.ledger))
            return
        if is_verbose or self.room.has_split or not is_known(comparison.account):
            self._show_split(comparison)
        if is_verbose or not is_known(self.explanation.plan):
            say_if(self.console, splitting.what_if_sentence(comparison, self.explanation.plan), indent=2)
        if is_known(comparison.account) and (is_verbose or self.room.code_rows):
            show_account(comparison.account, comparison, self.console, most=None if is_verbose else self.room.code_rows)
        else:
            self.left.part("the time by executed code", is_known(comparison.account))
        show_operators(comparison, self.console, is_whole=is_verbose)
        # Both locate the time: by code where it was sampled, else by layer.
        if is_known(comparison.ledger) and (is_verbose or not is_known(comparison.account)):
            _show_ledger(comparison.ledger, comparison, self.console, is_whole=is_verbose)

    def _show_cause(self, verdict: CauseVerdict, comparison: Comparison) -> None:
        is_verbose = self.verbosity is Verbosity.VERBOSE
        key = (verdict.cause, verdict.outcome, verdict.design, verdict.control, verdict.changed)
        is_repeated = key in self.printed and verdict.design is Design.PAIR and verdict.control is not None
        self.printed.add(key)
        text = Text()
        text.append(words.OUTCOME_SIGNS[verdict.outcome] + " ", style=OUTCOME_STYLES[verdict.outcome])
        has_remarks = is_verbose or self.room.has_remarks
        if verdict.outcome is Outcome.CONFIRMED and not has_remarks:
            self.left.part("what limits the confirmed causes", bool(verdict.reason))
        text.append(
            same_experiment_sentence(verdict)
            if is_repeated and not is_verbose
            else cause_sentence(verdict, comparison, with_remarks=has_remarks)
        )
        say(self.console, text, indent=2, hanging=2)
        for name, value in verdict.evidence.items() if is_verbose else ():
            said = plain(value.reason) if isinstance(value, Missing) else number(value)
            say(self.console, f"{plain(name)}: {said}", style="dim", indent=6)

    def _show_confirmed(self, comparison: Comparison, detail: Detail) -> None:
        """Confirmed causes with their experiments, in a line each, or by name."""
        confirmed = _confirmed(comparison.causes)
        if detail is Detail.SENTENCES:
            for verdict in confirmed:
                self._show_cause(verdict, comparison)
            return
        self.left.part("the experiments behind the confirmed causes", bool(confirmed))
        if detail is Detail.NAME:
            against = [one for one in confirmed if opposes(one, comparison)]
            self._show_names([one for one in confirmed if one not in against])
            self._show_names(against, word=_AGAINST)
            return
        for verdict in confirmed:
            sign = Text(f"{words.OUTCOME_SIGNS[verdict.outcome]} ", style=OUTCOME_STYLES[verdict.outcome])
            said = brief_sentence(verdict)
            if opposes(verdict, comparison):
                said = said.replace(f": {words.OUTCOME_WORDS[verdict.outcome]}", f": {_AGAINST}", 1)
            say(self.console, sign.append(said, style="none"), indent=2, hanging=2)

    def _show_open(self, comparison: Comparison) -> None:
        """What is not confirmed, as a table: cause, outcome, effect, what would decide it. Of several experiments on a
        cause, the foremost: the others are in its --verbose form.
        """
        rows = _in_order(_not_confirmed(comparison))
        others = len([one for one in comparison.causes if one.outcome is not Outcome.CONFIRMED]) - len(rows)
        self.left.count("further experiment|on causes shown above", others)
        if not self.room.has_open:
            self.left.part("what is not confirmed", bool(rows))
            return
        if not self.room.open_rows:
            self._show_names(rows)
        if not rows or not self.room.open_rows:
            return
        grid = headed_grid()
        grid.add_column("not confirmed", overflow="fold")
        grid.add_column("outcome", no_wrap=True)
        grid.add_column("effect", no_wrap=True)
        grid.add_column("what would decide it", overflow="fold")
        for verdict in rows[: self.room.open_rows]:
            sign = Text(f"{words.OUTCOME_SIGNS[verdict.outcome]} ", style=OUTCOME_STYLES[verdict.outcome])
            outcome = sign + Text(words.OUTCOME_WORDS[verdict.outcome])
            cells = (
                Text(name_of(verdict)),
                outcome,
                Text(effect_text(verdict)),
                Text(decision_text(verdict).partition(": ")[0]),
            )
            grid.add_row(*cells)
        print_grid(self.console, grid, indent=2)
        if more := [name_of(verdict) for verdict in rows[self.room.open_rows :]]:
            say(self.console, f"nor confirmed: {', '.join(dict.fromkeys(more))}", indent=2, hanging=2)

    def _show_untested(self) -> None:
        """The causes that are suspected and had no experiment for lack of time: what is unexplained may be theirs."""
        plan = self.explanation.plan
        waiting = (
            [] if isinstance(plan, Missing) else [one for one in plan.standings if one.state is CauseState.WAITING]
        )
        if not waiting:
            return
        names = ", ".join(cause_of(one.cause).title for one in waiting)
        fixes = [one.fix.partition(", ")[0] for one in self.explanation.concerns if one.slug == "untested-causes"]
        longer = "".join(f" ({fix})" for fix in fixes if fix.startswith("--budget"))
        said = f"not tested for lack of time: {names}{longer}"
        say(self.console, said, indent=2, hanging=2)

    def _show_names(self, verdicts: Sequence[CauseVerdict], word: str = "") -> None:
        """Causes by their names, on a line for each outcome, or for `word`, which says it more closely."""
        names: dict[Outcome, list[str]] = {}
        for verdict in _in_order(verdicts):
            names.setdefault(verdict.outcome, []).append(name_of(verdict))
        for outcome, named in names.items():
            text = Text(f"{words.OUTCOME_SIGNS[outcome]} ", style=OUTCOME_STYLES[outcome])
            text.append(f"{word or words.OUTCOME_WORDS[outcome]}: {', '.join(dict.fromkeys(named))}", style="none")
            say(self.console, text, indent=2, hanging=2)

    def _show_split(self, comparison: Comparison) -> None:
        split = splitting.split_of(comparison)
        if isinstance(split, Missing):
            if split not in (NOT_RECORDED, comparison.ln_ratio):
                say(self.console, f"No split: {plain(split.reason)}.", indent=2)
            return
        is_whole = self.verbosity is Verbosity.VERBOSE or not is_known(self.explanation.plan)
        rows = splitting.split_rows(split)
        shown = rows if is_whole else splitting.rows_that_matter(rows)
        grid = bare_grid()
        grid.add_column(no_wrap=True)
        grid.add_column(justify="right", no_wrap=True)
        grid.add_column(justify="right", no_wrap=True)
        for row in shown:
            grid.add_row(Text(row.title), Text(row.size), Text(row.share))
        if shown:
            say(self.console, "By the iron law (positive: saved):", indent=2)
            print_grid(self.console, grid, indent=4)
        for remark in splitting.split_remarks(split) if is_whole else ():
            if remark not in self.printed:
                say(self.console, remark, style="dim", indent=4)
            self.printed.add(remark)


def say_if(console: Console, text: str, *, indent: int = 0) -> None:
    """Print a text, unless it is empty."""
    if text:
        say(console, text, indent=indent)


def _confirmed(verdicts: Sequence[CauseVerdict]) -> list[CauseVerdict]:
    return [one for one in verdicts if one.outcome is Outcome.CONFIRMED]


def _not_confirmed(comparison: Comparison) -> list[CauseVerdict]:
    """A verdict for each cause that no experiment confirms."""
    return [one for one in comparison.foremost().values() if one.outcome is not Outcome.CONFIRMED]


def _fitting(names: Sequence[str], width: int) -> str:
    """As many names as fit on `width` letters, and the number of the others."""
    for count in range(len(names), 0, -1):
        rest = f" and {len(names) - count} more" if count < len(names) else ""
        said = ", ".join(names[:count]) + rest
        if len(said) <= width:
            return said
    return f"{len(names)} cause{'s' * (len(names) > 1)}"


def _in_order(verdicts: Sequence[CauseVerdict]) -> list[CauseVerdict]:
    return sorted(verdicts, key=lambda verdict: _OUTCOME_ORDER.index(verdict.outcome))


def show_headlines(
    comparisons: Sequence[Comparison], explanation: Explanation, console: Console, *, most: int | None, left: LeftOut
) -> None:
    """A sentence for each of the other arms of a search, or for `most` of them."""
    comparisons = left.cut(comparisons, most, "other arm|of the search")
    if not comparisons:
        return
    console.print()
    say(console, "The other arms of the search; --verbose gives the causes of each:", style="bold")
    for comparison in comparisons:
        say(console, headline(comparison, explanation), indent=2, hanging=2)


def _show_ledger(ledger: Ledger, comparison: Comparison, console: Console, *, is_whole: bool) -> None:
    rows = sorted(ledger.rows, key=lambda row: -abs(row.control_ns - row.changed_ns))
    shown = rows if is_whole else rows[:_LEDGER_TOP]
    scale = scale_for(TIME, [time for row in shown for time in (row.control_ns, row.changed_ns)])
    grid = headed_grid()
    grid.add_column("layer", overflow="fold")
    longest = max((len(plain(row.layer)) for row in shown), default=0)
    widest = max(_LEAST_ARM, (console.width - _BESIDE_ARMS - min(longest, _LONGEST_LAYER)) // 2)
    for title in (*arm_headings((comparison.control, comparison.changed), widest), "saved"):
        heading = Text(f"{title}\n{scale.unit}", justify="right", overflow="fold")
        grid.add_column(heading, justify="right", overflow="fold", max_width=widest)
    for row in shown:
        times = (row.control_ns, row.changed_ns, row.control_ns - row.changed_ns)
        grid.add_row(Text(plain(row.layer)), *(Text(number(time, scale)) for time in times))
    title = "Layers:" if len(shown) == len(rows) else f"Layers that moved most ({len(shown)} of {len(rows)}):"
    say(console, title, indent=2)
    print_grid(console, grid, indent=4)
