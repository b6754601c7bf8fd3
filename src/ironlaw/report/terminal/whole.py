"""An explanation on a terminal, from the table of the arms to the recommendation."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from ironlaw.explanation import Comparison, Explanation, Outcome
from ironlaw.explanation.varied import Varied
from ironlaw.missing import Missing, is_known
from ironlaw.report import words
from ironlaw.report.arms import agreement, boundaries
from ironlaw.report.columns import (
    added_arms,
    arms_table,
    asked_comparisons,
    asked_rows,
    control_name,
    ordered_arms,
    widest_first,
)
from ironlaw.report.console import bare_grid, print_grid, say
from ironlaw.report.doubts import control_sentence, cut_sentence, stopped_sentence
from ironlaw.report.failures import stopped_arms
from ironlaw.report.gaps import Gap, gap_sentence, gaps
from ironlaw.report.guesses import NOT_TESTED, guesses, guesses_heading
from ironlaw.report.recommendation import compared_in_full, next_best_sentences
from ironlaw.report.run_time import run_sentence
from ironlaw.report.terminal.arms import show_arms
from ironlaw.report.terminal.attached import show_next
from ironlaw.report.terminal.comparisons import OUTCOME_STYLES, Comparisons, show_headlines
from ironlaw.report.terminal.concerns import show_concerns
from ironlaw.report.terminal.found import show_found
from ironlaw.report.terminal.generation import show_generation
from ironlaw.report.terminal.vary import show_points, show_turning
from ironlaw.report.terminal.verbosity import BELOW, MOST_LINES, ROOMS, Room, Verbosity
from ironlaw.report.vary import control_sentences, varied_of
from ironlaw.report.waterfall import compared_with_waterfall, waterfall_heading, waterfall_rows
from ironlaw.text import plain

_ANSWER_STYLES = {words.OUTCOME_WORDS[outcome]: style for outcome, style in OUTCOME_STYLES.items()}


def show(
    explanation: Explanation,
    console: Console,
    *,
    n: int | None = None,
    verbosity: Verbosity = Verbosity.NORMAL,
) -> None:
    """Print the table of the arms and what it means, on MOST_LINES at most by default; with `n`, also the time of n."""
    varied = varied_of(explanation)
    if varied is not None:
        _show_varied(explanation, varied, console, n=n, verbosity=verbosity)
        return
    room = ROOMS[0]
    if verbosity is Verbosity.NORMAL and is_known(explanation.plan):
        room = next((room for room in ROOMS if _lines(explanation, console, n, room) <= MOST_LINES - BELOW), ROOMS[-1])
    _show(explanation, console, n=n, verbosity=verbosity, room=room)


def _show_varied(
    explanation: Explanation, varied: Varied, console: Console, *, n: int | None, verbosity: Verbosity
) -> None:
    """Print the answer along each setting and the times at its points; with everything shown, then each point as a
    recording of its own.
    """
    if explanation.was_cut:
        say(console, cut_sentence(), style="bold yellow")
    show_turning(explanation, varied, console, is_quiet=verbosity is Verbosity.QUIET)
    show_points(explanation, varied, console)
    _show_stopped(explanation, console)
    if verbosity is Verbosity.QUIET:
        return
    show_generation(explanation, console, is_whole=False)
    for found in varied.points if verbosity is Verbosity.VERBOSE else ():
        console.print()
        say(console, f"At {plain(str(found.point))}:", style="bold")
        _show(found.explanation, console, n=n, verbosity=verbosity, room=ROOMS[0])
    if verbosity is Verbosity.VERBOSE:
        return
    console.print()
    for said in control_sentences(varied):
        say(console, said)
    for said in filter(None, (stopped_sentence(explanation), run_sentence(explanation.run))):
        say(console, said)
    shortened = show_concerns(explanation, console, above=(), is_whole=False, room=ROOMS[0])
    _show_left_out(console, 0, 0, shortened, ["each point by itself"])


def _lines(explanation: Explanation, console: Console, n: int | None, room: Room) -> int:
    """The number of lines that the default output takes within `room`."""
    with console.capture() as printed:
        _show(explanation, console, n=n, verbosity=Verbosity.NORMAL, room=room)
    return len(printed.get().splitlines())


def _show(explanation: Explanation, console: Console, *, n: int | None, verbosity: Verbosity, room: Room) -> None:
    is_verbose = verbosity is Verbosity.VERBOSE
    if explanation.was_cut:
        say(console, cut_sentence(), style="bold yellow")
    table = arms_table(explanation, n=n)
    columns = show_arms(table if is_verbose else asked_rows(table), console, is_whole=is_verbose)
    _show_stopped(explanation, console)
    asked = compared_with_waterfall(explanation, asked_comparisons(explanation))
    comparisons = explanation.comparisons if is_verbose else asked
    in_full = comparisons if is_verbose else compared_in_full(explanation, asked)
    Comparisons(explanation=explanation, console=console, verbosity=verbosity, room=room).show(widest_first(in_full))
    show_headlines([one for one in widest_first(comparisons) if one not in in_full], explanation, console)
    lost = gaps(table.lost, comparisons)
    if verbosity is Verbosity.QUIET:
        return
    show_generation(explanation, console, is_whole=is_verbose)
    _show_waterfall(explanation, console)
    _show_gaps(lost, console, is_whole=is_verbose, with_terms=is_verbose or room.has_split)
    if is_verbose or room.has_guesses:
        _show_guesses(explanation, console, is_whole=is_verbose)
    has_answers = _show_agreement(explanation, console, all_arms=is_verbose)
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
    shortened = show_concerns(explanation, console, above=() if is_verbose else lost, is_whole=in_words, room=room)
    show_found(explanation, console, is_whole=is_verbose, has_next=is_verbose or room.has_guesses)
    show_next(explanation, console)
    if not is_verbose:
        more = _left_to_verbose(explanation, in_full, room)
        _show_left_out(console, sum(row.is_added for row in table.rows), columns, shortened, more)


def _show_stopped(explanation: Explanation, console: Console) -> None:
    for failed in stopped_arms(explanation):
        say(console, failed.sentence, style="red")
        if failed.fix:
            say(console, f"fix: {plain(failed.fix)}", indent=2, hanging=2)


def _left_to_verbose(explanation: Explanation, in_full: Sequence[Comparison], room: Room) -> list[str]:
    """What the smallest rooms leave out, of what there is."""
    found = explanation.recommendation
    is_next = is_known(found) and bool(next_best_sentences(found, explanation))
    parts = {
        "published guesses": not room.has_guesses and any(one.answer != NOT_TESTED for one in guesses(explanation)),
        "the time by executed code": not room.code_rows and any(is_known(one.account) for one in in_full),
        "the next best arms": not room.has_guesses and is_next,
        "what limits the confirmed causes": not room.has_remarks and any(map(_has_remark, in_full)),
    }
    return [name for name, is_there in parts.items() if is_there]


def _has_remark(comparison: Comparison) -> bool:
    return any(one.outcome is Outcome.CONFIRMED and one.reason for one in comparison.causes)


def _show_left_out(console: Console, arms: int, columns: int, concerns: int, more: list[str]) -> None:
    """How many arms and columns --verbose adds, concerns whose remedy it gives, and what else there was no room for."""
    parts = [
        f"{count} {what}{'s' * (count > 1)}{which}"
        for count, what, which in (
            (arms, "arm", " of experiments"),
            (columns, "more column", ""),
            (concerns, "concern", " in full"),
        )
        if count
    ]
    parts += more
    if parts:
        say(console, f"--verbose shows {words.joined(parts)}.", style="dim")


def _show_gaps(lost: list[Gap], console: Console, *, is_whole: bool, with_terms: bool) -> None:
    for gap in lost:
        say(console, gap_sentence(gap, is_brief=not is_whole, with_terms=with_terms), style="dim")


def _show_waterfall(explanation: Explanation, console: Console) -> None:
    rows = waterfall_rows(explanation)
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


def _show_agreement(explanation: Explanation, console: Console, *, all_arms: bool) -> bool:
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
    if said:
        console.print()
        named = "the control" if reference == control_name(explanation) else plain(reference)
        say(console, f"Same answers as {named}?", style="bold")
    for answer, names in said.items():
        say(console, f"{', '.join(names)}: {answer}", indent=2, hanging=2)
    return bool(said)


def _show_boundaries(explanation: Explanation, console: Console) -> None:
    said = boundaries(ordered_arms(explanation))
    if said:
        console.print()
        say(console, "What is timed in an inference:", style="bold")
    for names, boundary in said:
        say(console, f"{names}: {boundary}", indent=2, hanging=2)
