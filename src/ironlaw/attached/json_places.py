"""The position of a field of a JSON value in its text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

Step = str | int  # the name of a field, or the index in an array
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
# The path that msgspec adds to its messages: `$.results[0].times[3]`; a key of a mapping is not named: `$.stats[...]`.
_STATED = re.compile(r"`\$([^`]*)`$")
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+)\]|(?P<unnamed>.)", re.DOTALL)


def offset_of(text: str, at: int, path: Sequence[Step]) -> int:
    """The index in `text` at which the field at `path` begins, in the valid JSON value at `at`.

    The nearest value around it that exists, if the field does not.
    """
    at = _behind_space(text, at)
    for step in path:
        # Of fields of one name the last counts, as it does for the decoder.
        found = [place for name, place in _members(text, at) if name == step]
        if not found:
            break
        at = found[-1]
    return at


def _members(text: str, at: int) -> Iterator[tuple[Step, int]]:
    """The names and places of the members of the object or array at `at`; none of another value."""
    begin, at = text[at], _behind_space(text, at + 1)
    index = 0
    while begin in "[{" and text[at] not in "]}":
        name: Step = index
        if begin == "{":
            name, at = _DECODER.raw_decode(text, at)
            at = _behind_space(text, _behind_space(text, at) + 1)  # the colon
        yield name, at
        at = _behind_space(text, _DECODER.raw_decode(text, at)[1])
        if text[at] == ",":
            at = _behind_space(text, at + 1)
        index += 1


def _behind_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def stated_path(message: str) -> tuple[Step, ...]:
    """The path in a message of msgspec, as far as it names its steps; empty if there is none."""
    stated = _STATED.search(message)
    steps: list[Step] = []
    for found in _STEP.finditer(stated[1] if stated else ""):
        if found["unnamed"]:
            break
        steps.append(found["name"] or int(found["index"]))
    return tuple(steps)
