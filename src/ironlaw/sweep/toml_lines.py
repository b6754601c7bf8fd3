"""TOML with line numbers: tomllib gives the values; parsing ever longer beginnings of the file gives their lines."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from ironlaw.errors import BadInput, offer_closest

MOST_BYTES = 2**20  # a plan of a thousand models takes a tenth
KeyPath: TypeAlias = tuple[str | int, ...]


class TomlFile:
    """A parsed file that knows the line of each of its keys."""

    def __init__(self, path: Path) -> None:
        """Read and parse.

        Raises:
            BadInput: it cannot be read, or is not TOML; with the line.
        """
        self.path = path
        try:
            with path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
            self._text = content.decode("utf-8")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise BadInput(f"cannot read {path}: {reason}", hint="name a TOML file") from None
        if len(content) > MOST_BYTES:
            raise BadInput(f"{path} is larger than any plan", hint="name a TOML file")
        try:
            self.values: dict[str, Any] = tomllib.loads(self._text)
        except (ValueError, RecursionError) as error:  # also whole numbers of 5000 digits, and lists in lists in lists
            reason = " ".join(str(error).split())[:200]
            raise BadInput(f"{path} is not TOML: {reason}", hint='for example: models = ["mobilenet_v2"]') from None

    def error(self, key: KeyPath, message: str, *, hint: str) -> BadInput:
        """The error for a key, with its line."""
        return BadInput(f"{self.path} line {self.line(key)}: {message}", hint=hint)

    def require_known(self, table: dict[str, Any], known: Sequence[str], *, within: KeyPath = ()) -> None:
        """Check that a table has no key but the known ones.

        Raises:
            BadInput: it has; names the line and the closest known key.
        """
        for key in table:
            if key not in known:
                raise self.error((*within, key), f"there is no key {key!r}", hint=offer_closest(key, list(known)))

    def line(self, key: KeyPath) -> int:
        """The line of a key or entry, from 1; within a statement over several lines the only one that names it.

        A beginning of the file that parses and holds the key ends after its statement; the beginning that parsed
        before it ends in front.
        """
        lines = self._text.splitlines()
        before = 0
        for count in range(1, len(lines) + 1):
            try:
                values = tomllib.loads("\n".join(lines[:count]))
            except ValueError:
                continue
            if _holds(values, key):
                return _naming(lines, before, count, _pattern(values, key))
            before = count
        raise KeyError(key)


def _holds(values: Any, key: KeyPath) -> bool:
    for part in key:
        if isinstance(part, int):
            if not isinstance(values, list) or part >= len(values):
                return False
        elif not isinstance(values, dict) or part not in values:
            return False
        values = values[part]
    return True


def _pattern(values: Any, key: KeyPath) -> str:
    """How a key, or an entry of a list, looks where it is written."""
    if not isinstance(key[-1], int):
        return rf"(?<![\w-])[\"']?{re.escape(key[-1])}[\"']?\s*="
    for part in key:
        values = values[part]
    written = values.get("source", "") if isinstance(values, dict) else values
    return rf"[\"']{re.escape(str(written))}[\"']"


def _naming(lines: list[str], before: int, until: int, pattern: str) -> int:
    naming = [number for number in range(before + 1, until + 1) if re.search(pattern, lines[number - 1])]
    return naming[0] if len(naming) == 1 else before + 1
