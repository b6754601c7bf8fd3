"""Escaping of untrusted text: names, paths and reasons must not control a terminal or reverse a line."""

from __future__ import annotations

_KEPT = "\N{NO-BREAK SPACE}"


def plain(text: str) -> str:
    """Escape a name or sentence onto one line: control characters and bidi marks as \\x1b, \\n, \\u202e."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter in _KEPT else _escape(letter) for letter in text)


def plain_json(text: str) -> str:
    """Escape a JSON document without changing its meaning: unprintable characters occur in strings only."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter in "\n" + _KEPT else _escape_json(letter) for letter in text
    )


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape", "surrogatepass").decode("ascii")


def _escape_json(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
