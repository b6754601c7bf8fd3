"""What a run found, on a console: the arms that are not beaten, mixed precision, the recommendation."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console

from ironlaw.explanation import Explanation
from ironlaw.missing import is_known
from ironlaw.report.console import say
from ironlaw.report.recommendation import (
    FRONT_HEADING,
    front_sentence,
    mixed_sentences,
    next_best_sentences,
    recommendation_sentence,
    untried_sentence,
)
from ironlaw.report.terminal.verbosity import LeftOut, Room
from ironlaw.text import plain


def show_found(explanation: Explanation, console: Console, *, is_whole: bool, room: Room, left: LeftOut) -> None:
    """The front of a search, blocks left in float, and the arm to use; with `is_whole` how to make the next best."""
    most = None if is_whole else room.listed
    front = left.cut(explanation.front, most, "arm|that nothing is shown to beat")
    _show_list(f"{FRONT_HEADING}:", [front_sentence(point) for point in front], console)
    mixed = left.cut(mixed_sentences(explanation), most, "more line|about blocks left in float")
    _show_list("Blocks left in float:", mixed, console)
    if untried := untried_sentence(explanation):
        console.print()
        say(console, untried)
    _show_recommendation(explanation, console, is_whole=is_whole, room=room, left=left)


def _show_list(heading: str, sentences: list[str], console: Console) -> None:
    if sentences:
        console.print()
        say(console, heading, style="bold")
    for sentence in sentences:
        say(console, sentence, indent=2)


def _show_recommendation(
    explanation: Explanation, console: Console, *, is_whole: bool, room: Room, left: LeftOut
) -> None:
    recommendation = explanation.recommendation
    if is_known(recommendation):
        if not is_whole and room.listed is not None:
            tried = left.cut(recommendation.tried, room.listed, "more arm|tried without gain")
            recommendation = replace(recommendation, tried=tuple(tried))
        console.print()
        say(console, recommendation_sentence(recommendation), style="bold")
        if recommendation.how:
            say(console, plain(recommendation.how), indent=2)
        others = next_best_sentences(recommendation, explanation, with_how=is_whole)
        if not is_whole and not room.has_guesses:
            left.part("the next best arms", bool(others))
        elif others and not is_whole:
            say(console, f"Next: {'; '.join(others)}.", indent=2, hanging=2)
        elif others:
            say(console, "Next:", indent=2)
            for said in others:
                say(console, said, indent=4)
