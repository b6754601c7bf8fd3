"""A file as text that is read once, from beginning to end, in bounded memory, and knows where it stands."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from ironlaw.errors import BadInput

CHUNK_BYTES = 2**20
HEAD_LETTERS = 2**18  # by which a format is recognised; a program's own output may come before a log
LONGEST_LINE = 2**22  # letters
_GZIP = b"\x1f\x8b"
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))

Watch = Callable[[int], None]  # is called with the bytes read so far


class AttachedText:
    """The letters of one file; `named` is what messages call it."""

    def __init__(self, stream: BinaryIO, *, named: str, watch: Watch | None = None) -> None:
        self.named = named
        self._line, self._column = 1, 1  # behind the last letter that was decoded
        self._watched = _Watched(stream, watch)
        first = self._watched.read(4)
        self._watched.give_back(first)
        self._bytes: BinaryIO | gzip.GzipFile | _Watched = self._watched
        if first.startswith(_GZIP):
            self._bytes = gzip.GzipFile(fileobj=self._watched, mode="rb")  # type: ignore[call-overload]  # reads by read alone
            first = self._inflated(4)
            self._kept = first
        else:
            self._kept = b""
        mark, encoding = next(((mark, name) for mark, name in _MARKS if first.startswith(mark)), (b"", "utf-8"))
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._skip = len(mark)
        self._waiting = ""
        self.head = self._fill(HEAD_LETTERS)

    def chunks(self) -> Iterator[str]:
        """The whole text, in pieces; can be walked once."""
        waiting, self._waiting = self._waiting, ""
        if waiting:
            yield waiting
        while piece := self._more():
            yield piece

    def lines(self) -> Iterator[tuple[int, str]]:
        """Its lines with their numbers from 1, without their ends.

        Raises:
            BadInput: a line is longer than any of a log.
        """
        number, rest = 1, ""
        for chunk in self.chunks():
            *whole, rest = (rest + chunk).split("\n")
            for line in whole:
                yield number, line.removesuffix("\r")
                number += 1
            if len(rest) > LONGEST_LINE:
                raise self.refused(number, LONGEST_LINE, "a line is longer than any that a tool writes")
        if rest:
            yield number, rest.removesuffix("\r")

    def whole(self, most: int = 2**24) -> str:
        """All of it at once, for formats whose files are small.

        Raises:
            BadInput: it is longer than `most` letters.
        """
        parts, length = [], 0
        for chunk in self.chunks():
            parts.append(chunk)
            length += len(chunk)
            if length > most:
                raise self.refused(*self.end, "the file goes on beyond the length of any of its kind")
        return "".join(parts)

    @property
    def end(self) -> tuple[int, int]:
        """The line and column after the last letter that was read: where something is missing that never came."""
        return self._line, self._column

    def refused(self, line: int, column: int, why: str) -> BadInput:
        """The error of a place in the file that cannot be used."""
        return BadInput(
            f"{self.named}, line {line}, column {column}: {why}",
            hint="attach the file as the tool wrote it: whole, and not edited",
        )

    def _fill(self, letters: int) -> str:
        while len(self._waiting) < letters and (piece := self._more()):
            self._waiting += piece
        return self._waiting[:letters]

    def _more(self) -> str:
        while True:
            data = self._inflated(CHUNK_BYTES)
            if not data:
                return self._passed(self._decoder.decode(b"", final=True))
            data, self._skip = data[self._skip :], max(0, self._skip - len(data))
            if text := self._decoder.decode(data):
                return self._passed(text)

    def _passed(self, text: str) -> str:
        """The text, after its letters have been counted."""
        if lines := text.count("\n"):
            self._line += lines
            self._column = len(text) - text.rindex("\n")
        else:
            self._column += len(text)
        return text

    def _inflated(self, size: int) -> bytes:
        kept, self._kept = getattr(self, "_kept", b""), b""
        try:
            return kept + self._bytes.read(size - len(kept))
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            line, column = self.end
            raise BadInput(
                f"{self.named}, line {line}, column {column}: the compression is damaged there, before byte "
                f"{self._watched.read_bytes} of the file: {error}",
                hint="compress it again, or attach the file itself",
            ) from None


class _Watched:
    """A stream whose reader is watched, and of which the beginning can be given back."""

    def __init__(self, stream: BinaryIO, watch: Watch | None) -> None:
        self._stream, self._watch, self._returned = stream, watch, b""
        self.read_bytes = 0

    def read(self, size: int = -1) -> bytes:
        if self._returned:
            size = len(self._returned) if size < 0 else size
            data, self._returned = self._returned[:size], self._returned[size:]
            return data
        data = self._stream.read(size)
        self.read_bytes += len(data)
        if self._watch is not None:
            self._watch(self.read_bytes)
        return data

    def give_back(self, data: bytes) -> None:
        self._returned = data
