"""Concerns on a terminal: invalidating ones in full, doubts a line each, notes by name; or all of them in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console

from ironlaw.concern import Concern, Weight
from ironlaw.explanation import Explanation
from ironlaw.report import words
from ironlaw.report.console import say, say_in_a_line
from ironlaw.report.doubts import Doubt, brief_concern_sentence, doubts
from ironlaw.report.gaps import Gap
from ironlaw.report.terminal.verbosity import LeftOut, Room, few
from ironlaw.text import plain

_STYLES = {Weight.INVALIDATES: "bold red", Weight.DOUBTS: "yellow", Weight.NOTES: "dim"}


def show_concerns(
    explanation: Explanation, console: Console, *, above: Sequence[Gap], is_whole: bool, room: Room, left: LeftOut
) -> None:
    """Every concern, the heaviest first; those that only repeat a gap stated `above` are left out.

    Those without their remedy or the whole of their text are counted in `left`.
    """
    found = doubts(explanation, above=above)
    if not found:
        return
    console.print()
    listed: dict[str, list[Concern]] = {}
    invalid: list[Concern] = []  # beyond those there is room for
    named: list[Concern] = []
    notes: list[Concern] = []
    in_full = said = shortened = 0
    for doubt in found:
        if doubt.concern.slug in words.LISTED:
            listed.setdefault(doubt.concern.slug, []).append(doubt.concern)
        elif is_whole or doubt.concern.weight is Weight.INVALIDATES:
            if not is_whole and in_full == room.listed:
                invalid.append(doubt.concern)
                continue
            in_full += 1
            _show_in_full(doubt, console, most=None if is_whole else room.listed)
        elif doubt.concern.weight is Weight.NOTES:
            notes.append(doubt.concern)
        elif said == room.doubts:
            named.append(doubt.concern)
        else:
            said += 1
            whole = len(doubt.sentence) <= console.width
            shortened += not whole or bool(doubt.concern.fix)
            text = doubt.sentence if whole else brief_concern_sentence(doubt)
            say_in_a_line(console, text, style=_STYLES[doubt.concern.weight])
    for slug, items in listed.items():
        _show_listed(slug, items, console, is_whole=is_whole)
        shortened += not is_whole
    headings = ("Also invalid" if in_full else "Invalid", "More doubts" if said else "Doubts", "Notes")
    for heading, concerns in zip(headings, (invalid, named, notes), strict=True):
        if concerns:
            names = dict.fromkeys(concern.slug.replace("-", " ") for concern in concerns)
            say(console, f"{heading}: {', '.join(names)}.", style=_STYLES[concerns[0].weight])
    left.count("concern|in full", shortened + len(invalid) + len(named) + len(notes))


def _show_in_full(doubt: Doubt, console: Console, *, most: int | None) -> None:
    about = replace(doubt, arms=(few(doubt.arms, most),)) if doubt.arms else doubt
    say(console, about.sentence, style=_STYLES[doubt.concern.weight])
    if doubt.concern.fix:
        say(console, f"fix: {plain(doubt.concern.fix)}", indent=2, hanging=2)


def _show_listed(slug: str, concerns: list[Concern], console: Console, *, is_whole: bool) -> None:
    """Concerns that share their beginning, as a list below it."""
    weight = concerns[0].weight
    heading = f"{words.WEIGHT_WORDS[weight]}: {words.LISTED[slug]}"
    rests = [plain(concern.text).removeprefix(words.LISTED[slug]).strip() for concern in concerns]
    if not is_whole:
        say_in_a_line(console, f"{heading} {'; '.join(rests)}.", style=_STYLES[weight])
        return
    say(console, heading, style=_STYLES[weight])
    for concern, rest in zip(concerns, rests, strict=True):
        say(console, f"- {rest}. Fix: {plain(concern.fix)}", indent=2, hanging=2)
