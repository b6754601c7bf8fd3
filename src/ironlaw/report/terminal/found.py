"""What a run found, on a console: the arms that are not beaten, mixed precision, the recommendation."""

from __future__ import annotations

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
)
from ironlaw.text import plain


def show_found(explanation: Explanation, console: Console, *, is_whole: bool, has_next: bool) -> None:
    """The front of a search, blocks left in float, and the arm to use; with `is_whole` how to make the next best."""
    _show_front(explanation, console)
    _show_mixed(explanation, console)
    _show_recommendation(explanation, console, is_whole=is_whole, has_next=has_next)


def _show_front(explanation: Explanation, console: Console) -> None:
    if explanation.front:
        console.print()
        say(console, f"{FRONT_HEADING}:", style="bold")
    for point in explanation.front:
        say(console, front_sentence(point), indent=2)


def _show_mixed(explanation: Explanation, console: Console) -> None:
    said = mixed_sentences(explanation)
    if said:
        console.print()
        say(console, "Blocks left in float:", style="bold")
    for sentence in said:
        say(console, sentence, indent=2)


def _show_recommendation(explanation: Explanation, console: Console, *, is_whole: bool, has_next: bool) -> None:
    recommendation = explanation.recommendation
    if is_known(recommendation):
        console.print()
        say(console, recommendation_sentence(recommendation), style="bold")
        if recommendation.how:
            say(console, plain(recommendation.how), indent=2)
        others = next_best_sentences(recommendation, explanation, with_how=is_whole) if has_next else []
        if others and not is_whole:
            say(console, f"Next: {'; '.join(others)}.", indent=2, hanging=2)
        elif others:
            say(console, "Next:", indent=2)
            for said in others:
                say(console, said, indent=4)
