"""Names of arms that fit above a column of times: without what all of them share, and in lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ironlaw.text import plain

_MOST_LINES = 3
_ENGINE = re.compile(r"@[\w.]+")
# A name is broken before a level or an engine, and after any other separator.
_PIECE = re.compile(r"[@+]?[^-_./: =@+]*[-_./: =]*")


def arm_headings(names: Sequence[str], widest: int) -> list[str]:
    """The names of compared arms as headings of columns of at most `widest` letters.

    Names that are longer lose the engine and the levels that all of them have, and are broken into lines; more than
    three end in an ellipsis. What is printed above the table has the whole names.
    """
    whole = [plain(name) for name in names]
    if max(map(len, whole)) > widest:
        whole = _without_shared(whole)
    return [_cut(broken_name(name, widest)) for name in whole]


def _without_shared(names: list[str]) -> list[str]:
    """The names without what all of them have, unless too little is left to distinguish them."""
    engines = [_ENGINE.findall(name) for name in names]
    shared = engines[0] if all(found == engines[0] for found in engines) else []
    bare = [_ENGINE.sub("", name) if shared else name for name in names]
    levels = [name.split("+") for name in bare]
    common = {level for level in levels[0][1:] if all(level in other[1:] for other in levels[1:])}
    short = ["+".join([first, *(level for level in rest if level not in common)]) for first, *rest in levels]
    return short if all(short) and len(set(short)) == len(short) else names


def _cut(name: str) -> str:
    lines = name.split("\n")
    return "\n".join(lines if len(lines) <= _MOST_LINES else [*lines[: _MOST_LINES - 1], f"{lines[_MOST_LINES - 1]}…"])


def broken_name(name: str, width: int) -> str:
    """A name in lines of at most `width` letters, broken at its own separators."""
    lines = [""]
    for piece in filter(None, _PIECE.findall(name)):
        if lines[-1] and len(lines[-1]) + len(piece) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)
