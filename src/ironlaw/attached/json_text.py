"""JSON of any size, read piece by piece with the line and column of each piece.

The standard library decodes each element of the long array; what is around it is a few letters. So a trace of 200 MB
is read in the memory of its longest element, and an error names its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import msgspec

from ironlaw.attached.json_places import Step, offset_of, stated_path
from ironlaw.attached.text import AttachedText

LONGEST_ELEMENT = 2**24  # letters of one element of the long array
DEEPEST = "it is nested deeper than any tool writes"
_SPACE = re.compile(r"[ \t\r\n]*")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Element:
    """A decoded value, where it begins, and the text that it was decoded from: from `at` in `source` on."""

    value: Any
    line: int
    column: int
    source: str
    at: int = 0
    within: tuple[Step, ...] = ()  # the path of the value in the one that begins there

    def field(self, name: Step, value: Any) -> Element:
        """A field of the value, as an element of its own."""
        return replace(self, value=value, within=(*self.within, name))

    def place(self, *path: Step) -> tuple[int, int]:
        """The line and column of a field."""
        begin = offset_of(self.source, self.at, ())
        found = offset_of(self.source, begin, (*self.within, *path))
        if lines := self.source.count("\n", begin, found):
            return self.line + lines, found - self.source.rindex("\n", begin, found)
        return self.line, self.column + found - begin


class JsonText:
    """A cursor in a JSON text."""

    def __init__(self, text: AttachedText) -> None:
        self._text = text
        self._chunks = text.chunks()
        self._buffer, self._at = "", 0
        # The line of the letter at `_seen` in the buffer, and how many letters of that line precede it: counted on as
        # the cursor moves, so that the place of each element costs no more than its letters.
        self._seen, self._line, self._before = 0, 1, 0
        self._decoder = json.JSONDecoder(parse_constant=_refuse_constant)

    def elements(self, key: str) -> Iterator[Element]:
        """The elements of the array under `key` of the top object, or of the top array itself.

        Raises:
            BadInput: it is not JSON, or holds no such array.
        """
        letter = self._peek()
        if letter == "[":
            yield from self._array()
        elif letter == "{":
            yield from self._of_object(key)
        else:
            raise self._refused(f"expected an array or an object, found {letter!r}" if letter else "the file is empty")
        if rest := self._peek():
            raise self._refused(f"something follows the end of the document: {rest!r}")

    def whole(self) -> Element:
        """The one value that the text is.

        Raises:
            BadInput: it is not JSON.
        """
        if not self._peek():
            raise self._refused("the file is empty")
        found = self._value()
        if rest := self._peek():
            raise self._refused(f"something follows the end of the document: {rest!r}")
        return found

    def _of_object(self, key: str) -> Iterator[Element]:
        self._at += 1
        found = False
        while self._peek() != "}":
            name = self._value()
            if not isinstance(name.value, str):
                raise self._text.refused(name.line, name.column, "expected the name of a field in quotes")
            self._take(":")
            if name.value == key and self._peek() == "[" and not found:
                found = True
                yield from self._array()
            else:
                self._value()
            if self._peek() == ",":
                self._at += 1
            elif self._peek() != "}":
                raise self._refused(f"expected a comma or the end of the object, found {self._shown()}")
        self._at += 1
        if not found:
            raise self._refused(f"there is no array {key!r} in it")

    def _array(self) -> Iterator[Element]:
        self._take("[")
        if self._peek() == "]":
            self._at += 1
            return
        while True:
            yield self._value()
            letter = self._peek()
            if letter not in (",", "]"):
                raise self._refused(f"expected a comma or the end of the array, found {self._shown()}")
            self._at += 1
            if letter == "]":
                return

    def _value(self) -> Element:
        """The value at the cursor."""
        while True:
            self._peek()
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                if self._more():
                    continue
                raise self._refused(_reason(error), at=error.pos) from None
            except RecursionError:
                raise self._refused(DEEPEST) from None
            except ValueError as error:  # a constant or a number that no tool writes
                raise self._refused(str(error).partition(";")[0]) from None
            # A number, or a word, may continue in the next piece.
            if end == len(self._buffer) and not isinstance(value, dict | list | str) and self._more():
                continue
            found = Element(value, *self._place(self._at), self._buffer, self._at)
            self._at = end
            return found

    def _more(self) -> bool:
        """Read on; what is before the cursor is forgotten. False at the end of the file."""
        if len(self._buffer) - self._at > LONGEST_ELEMENT:
            raise self._refused("an element is longer than any that a tool writes")
        # As much again as is there, so that a long element is decoded a few times and not at each piece.
        pieces, wanted = [], len(self._buffer) - self._at
        for piece in self._chunks:
            pieces.append(piece)
            wanted -= len(piece)
            if wanted <= 0:
                break
        if not pieces:
            return False
        self._place(self._at)
        self._buffer, self._at, self._seen = self._buffer[self._at :] + "".join(pieces), 0, 0
        return True

    def _peek(self) -> str:
        """The next letter that is no space; empty at the end."""
        while True:
            match = _SPACE.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return ""

    def _take(self, letter: str) -> None:
        if self._peek() != letter:
            raise self._refused(f"expected {letter!r}, found {self._shown()}")
        self._at += 1

    def _shown(self) -> str:
        return repr(self._peek()) if self._peek() else "the end of the file"

    def _place(self, at: int) -> tuple[int, int]:
        """Line and column of a letter at or after the one that was asked for before."""
        if lines := self._buffer.count("\n", self._seen, at):
            self._line += lines
            self._before = at - self._buffer.rindex("\n", self._seen, at) - 1
        else:
            self._before += at - self._seen
        self._seen = at
        return self._line, self._before + 1

    def _refused(self, why: str, *, at: int | None = None) -> Exception:
        return self._text.refused(*self._place(self._at if at is None else at), why)


def typed(element: Element, kind: type[T], text: AttachedText) -> T:
    """The element as a value of a type, checked.

    Raises:
        BadInput: it is none; names the place of the element and of the field in it.
    """
    try:
        return msgspec.convert(element.value, kind, strict=False)
    except (msgspec.ValidationError, RecursionError, OverflowError) as error:
        place = element.place(*stated_path(str(error)))
        raise text.refused(*place, f"not as this format has it: {error}") from None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _reason(error: json.JSONDecodeError) -> str:
    return f"this is not JSON: {error.msg[:1].lower()}{error.msg[1:]}"
