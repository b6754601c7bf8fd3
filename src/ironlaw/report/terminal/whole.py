"""An explanation on a terminal, from the table of the arms to the recommendation."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.text import Text

from ironlaw.explanation import Comparison, Explanation
from ironlaw.explanation.varied import Varied
from ironlaw.missing import Missing, is_known
from ironlaw.report import words
from ironlaw.report.arms import agreement, boundaries
from ironlaw.report.columns import (
    ArmsTable,
    added_arms,
    arms_table,
    asked_comparisons,
    asked_rows,
    control_name,
    foremost_rows,
    ordered_arms,
    widest_first,
)
from ironlaw.report.console import bare_grid, print_grid, say, say_in_a_line
from ironlaw.report.doubts import control_sentence, cut_sentence, stopped_sentence
from ironlaw.report.failures import Stopped, stopped_arms
from ironlaw.report.gaps import Gap, gap_sentence, gaps
from ironlaw.report.guesses import NOT_TESTED, guesses, guesses_heading
from ironlaw.report.recommendation import compared_in_full
from ironlaw.report.run_time import run_sentence
from ironlaw.report.terminal.arms import show_arms
from ironlaw.report.terminal.attached import show_next
from ironlaw.report.terminal.comparisons import OUTCOME_STYLES, Comparisons, show_headlines
from ironlaw.report.terminal.concerns import show_concerns
from ironlaw.report.terminal.found import show_found
from ironlaw.report.terminal.generation import show_generation
from ironlaw.report.terminal.vary import show_points, show_turning
from ironlaw.report.terminal.verbosity import BELOW, MOST_LINES, ROOMS, ROOMS_OF_POINTS, LeftOut, Room, Verbosity, few
from ironlaw.report.vary import control_sentences, varied_of
from ironlaw.report.waterfall import compared_with_waterfall, waterfall_heading, waterfall_rows
from ironlaw.text import plain

# Reasons of failures where there is no room for all in full: those that have three lines each, and those with one.
_BRIEF_FAILURES, _FAILURES_IN_A_LINE = 4, 8
_ANSWER_STYLES = {words.OUTCOME_WORDS[outcome]: style for outcome, style in OUTCOME_STYLES.items()}


def show(
    explanation: Explanation,
    console: Console,
    *,
    n: int | None = None,
    verbosity: Verbosity = Verbosity.NORMAL,
) -> None:
    """Print the table of the arms and what it means, on MOST_LINES at most by default; with `n`, also the time of n.

    What there is no room for is named, with --verbose, which shows it.
    """
    varied = varied_of(explanation)

    def show_within(room: Room) -> None:
        if varied is None:
            _show(explanation, console, n=n, verbosity=verbosity, room=room)
        else:
            _show_varied(explanation, varied, console, n=n, verbosity=verbosity, room=room)

    rooms = ROOMS if varied is None else ROOMS_OF_POINTS
    if verbosity is not Verbosity.NORMAL or not is_known(explanation.plan):
        show_within(rooms[0])
        return

    def lines_within(room: Room) -> list[str]:
        with console.capture() as printed:
            show_within(room)
        return printed.get().splitlines()

    place = bisect_left(rooms, True, key=lambda room: len(lines_within(room)) <= MOST_LINES - BELOW)
    if place < len(rooms):
        show_within(rooms[place])
        return
    lines = lines_within(rooms[-1])
    for line in lines[: MOST_LINES - BELOW - 1]:
        console.print(Text.from_ansi(line), soft_wrap=True, highlight=False)
    say(console, f"{len(lines) - (MOST_LINES - BELOW - 1)} more lines: see --verbose.", style="dim")


def _show_varied(
    explanation: Explanation, varied: Varied, console: Console, *, n: int | None, verbosity: Verbosity, room: Room
) -> None:
    """Print the answer along each setting and the times at its points; with everything shown, then each point as a
    recording of its own.
    """
    is_verbose, left = verbosity is Verbosity.VERBOSE, LeftOut()
    if explanation.was_cut:
        say(console, cut_sentence(), style="bold yellow")
    most = None if is_verbose else room.listed
    show_turning(explanation, varied, console, is_quiet=verbosity is Verbosity.QUIET, most=most, left=left)
    show_points(explanation, varied, console, most=None if is_verbose else room.arms, left=left)
    _show_stopped(explanation, console, most=most, left=left)
    if verbosity is Verbosity.QUIET:
        return
    show_generation(explanation, console, is_whole=False, most=most, left=left)
    for found in varied.points if is_verbose else ():
        console.print()
        say(console, f"At {plain(str(found.point))}:", style="bold")
        _show(found.explanation, console, n=n, verbosity=verbosity, room=ROOMS[0])
    if is_verbose:
        return
    console.print()
    for said in left.cut(control_sentences(varied), most, "control"):
        say(console, said)
    for said in filter(None, (stopped_sentence(explanation), run_sentence(explanation.run))):
        say(console, said)
    show_concerns(explanation, console, above=(), is_whole=False, room=room, left=left)
    left.part("each point by itself")
    say(console, left.sentence(), style="dim")


def _show(explanation: Explanation, console: Console, *, n: int | None, verbosity: Verbosity, room: Room) -> None:
    is_verbose, left = verbosity is Verbosity.VERBOSE, LeftOut()
    if explanation.was_cut:
        say(console, cut_sentence(), style="bold yellow")
    most = None if is_verbose else room.listed
    asked = compared_with_waterfall(explanation, asked_comparisons(explanation))
    comparisons = explanation.comparisons if is_verbose else asked
    in_full = widest_first(comparisons if is_verbose else compared_in_full(explanation, asked))
    others = [one for one in widest_first(comparisons) if one not in in_full]
    table = arms_table(explanation, n=n)
    if is_verbose:
        show_arms(table, console, is_whole=True)
    else:
        names = _show_foremost(table, explanation, console, first=in_full[:1], room=room, left=left)
        in_full = in_full if room.arms is None else [one for one in in_full if plain(one.changed) in names]
    _show_stopped(explanation, console, most=most, left=left)
    shown = Comparisons(explanation=explanation, console=console, verbosity=verbosity, room=room, left=left)
    shown.show(in_full)
    show_headlines(others, explanation, console, most=most, left=left)
    lost = gaps(table.lost, comparisons)
    if verbosity is Verbosity.QUIET:
        return
    show_generation(explanation, console, is_whole=is_verbose, most=most, left=left)
    _show_waterfall(explanation, console, most=most, left=left)
    _show_gaps(lost, console, is_whole=is_verbose, with_terms=is_verbose or room.has_split)
    if is_verbose or room.has_guesses:
        _show_guesses(explanation, console, is_whole=is_verbose)
    else:
        left.part("published guesses", any(one.answer != NOT_TESTED for one in guesses(explanation)))
    has_answers = _show_agreement(explanation, console, all_arms=is_verbose, most=most, left=left)
    if is_verbose:
        _show_boundaries(explanation, console)
    if is_known(explanation.plan):
        if is_verbose or not has_answers:
            console.print()
        say(console, control_sentence(explanation))
        for said in filter(None, (stopped_sentence(explanation), run_sentence(explanation.run))):
            say(console, said)
    # Of other people's numbers the doubts are most of what there is to say.
    in_words = is_verbose or not is_known(explanation.plan)
    show_concerns(explanation, console, above=() if is_verbose else lost, is_whole=in_words, room=room, left=left)
    show_found(explanation, console, is_whole=is_verbose, room=room, left=left)
    show_next(explanation, console)
    if not is_verbose and (said := left.sentence()):
        say(console, said, style="dim")


def _show_foremost(
    table: ArmsTable,
    explanation: Explanation,
    console: Console,
    *,
    first: Sequence[Comparison],
    room: Room,
    left: LeftOut,
) -> set[str]:
    """The arms that were requested, as many as there is room for, with those of `first`; their names."""
    asked = asked_rows(table)
    shown = foremost_rows(asked, explanation, first=[one.changed for one in first], most=room.arms)
    left.count("arm|of experiments", len(table.rows) - len(asked.rows))
    left.count("more arm", len(asked.rows) - len(shown.rows))
    left.count("more column", show_arms(shown, console, is_whole=False, has_line_each=not room.has_paragraphs))
    return {row.name for row in shown.rows}


def _show_stopped(explanation: Explanation, console: Console, *, most: int | None, left: LeftOut) -> None:
    """The arms that failed, with the reason and what fixes it: `most` reasons in full, a few more in brief, and some in
    a line each.
    """
    stopped = stopped_arms(explanation)
    shown = left.cut(stopped, most, "reason|of failures in full")
    for failed in shown:
        say(console, failed.sentence, style="red")
        if failed.fix:
            say(console, f"fix: {plain(failed.fix)}", indent=2, hanging=2)
    rest = stopped[len(shown) :]
    brief, in_a_line = rest[:_BRIEF_FAILURES], rest[_BRIEF_FAILURES:][:_FAILURES_IN_A_LINE]
    for failed in brief:
        say(console, _for_the_first(failed).sentence, style="red", most=2)
        if failed.fix:
            say_in_a_line(console, f"fix: {plain(failed.fix)}", indent=2)
    for failed in in_a_line:
        say_in_a_line(console, _for_the_first(failed).sentence, style="red")
    if others := [plain(arm) for failed in rest[len(brief) + len(in_a_line) :] for arm in failed.arms]:
        say(console, f"Also failed: {', '.join(others)}.", style="red")


def _for_the_first(failed: Stopped) -> Stopped:
    """Of many arms that failed for one reason two are named, and the others counted."""
    return replace(failed, arms=(few(failed.arms, 1),))


def _show_gaps(lost: list[Gap], console: Console, *, is_whole: bool, with_terms: bool) -> None:
    for gap in lost:
        say(console, gap_sentence(gap, is_brief=not is_whole, with_terms=with_terms), style="dim")


def _show_waterfall(explanation: Explanation, console: Console, *, most: int | None, left: LeftOut) -> None:
    # It is the answer of its protocol.
    rows = left.cut(waterfall_rows(explanation), 8 if most is not None and most < 2 else None, "step|of the protocol")
    if not rows:
        return
    console.print()
    say(console, waterfall_heading(), style="bold")
    grid = bare_grid()
    grid.add_column()
    grid.add_column(justify="right")
    for row in rows:
        grid.add_row(Text(row.name, style="bold" if row.is_whole else ""), Text(row.factor))
    print_grid(console, grid, indent=2)


def _show_guesses(explanation: Explanation, console: Console, *, is_whole: bool) -> None:
    answered = [guess for guess in guesses(explanation) if is_whole or guess.answer != NOT_TESTED]
    if not answered:
        return
    console.print()
    say(console, guesses_heading(), style="bold")
    by_answer: dict[str, list[str]] = {}
    for guess in answered:
        if is_whole:
            answer = Text(guess.answer, style=_ANSWER_STYLES.get(guess.answer, ""))
            say(console, Text(f"{guess.guess}: ") + answer, indent=2, hanging=2)
            say(console, " ".join(guess.evidence), style="dim", indent=4)
        else:
            by_answer.setdefault(guess.answer, []).append(guess.guess.partition(",")[0])
    for said, names in by_answer.items():
        text = Text(said, style=_ANSWER_STYLES.get(said, ""))
        say(console, text.append(f": {'; '.join(names)}", style="none"), indent=2, hanging=2)


def _show_agreement(
    explanation: Explanation, console: Console, *, all_arms: bool, most: int | None, left: LeftOut
) -> bool:
    """How each arm's answers compare with the control's; whether there was anything to show."""
    said: dict[str, list[str]] = {}
    hidden = frozenset[str]() if all_arms else added_arms(explanation)
    # Answers are compared with those of the plan's control, whichever arm the times are compared with.
    plan = explanation.plan
    reference = control_name(explanation) if isinstance(plan, Missing) else plan.control.name
    if not all_arms and is_known(plan):  # that a program gives the same outputs twice is shown where it does not
        same = {arm.arm for arm in explanation.arms if arm.identical_outputs is True}
        hidden |= same & {arm.name for arm in plan.arms if arm.repeats == reference}
    for arm in ordered_arms(explanation):
        if arm.arm != reference and arm.arm not in hidden and (answer := agreement(arm, is_brief=not all_arms)):
            said.setdefault(answer, []).append(plain(arm.arm))
    kept = left.cut(list(said.items()), most, "comparison|of answers")
    if kept:
        console.print()
        named = "the control" if reference == control_name(explanation) else plain(reference)
        say(console, f"Same answers as {named}?", style="bold")
    for answer, names in kept:
        say(console, f"{few(names, most)}: {answer}", indent=2, hanging=2)
    return bool(said)


def _show_boundaries(explanation: Explanation, console: Console) -> None:
    said = boundaries(ordered_arms(explanation))
    if said:
        console.print()
        say(console, "What is timed in an inference:", style="bold")
    for names, boundary in said:
        say(console, f"{names}: {boundary}", indent=2, hanging=2)
