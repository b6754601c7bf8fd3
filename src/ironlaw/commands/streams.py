"""Standard streams that survive their reader: closing the pipe does not end the run."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TextIO

from ironlaw.errors import RunIncomplete


class _Lasting(io.RawIOBase):
    """A descriptor that is written to until writing fails.

    If the reader has exited (`| head -1`), the rest is dropped silently. Any other failure, such as a full disk, raises
    once if the stream `is_needed`, which progress output is not.
    """

    def __init__(self, descriptor: int, *, is_needed: bool) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._is_needed = is_needed
        self._is_lost = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: object, /) -> int:
        assert isinstance(data, bytes | bytearray | memoryview)
        if self._is_lost:
            return len(data)
        try:
            return os.write(self._descriptor, data)
        except OSError as error:
            self._is_lost = True
            if self._is_needed and not isinstance(error, BrokenPipeError):
                raise RunIncomplete(f"cannot print: {error.strerror}", hint="print to a disk with free space") from None
            return len(data)


def make_streams_last() -> None:
    """Make the standard streams of this process survive their readers."""
    sys.stdout = _lasting(sys.stdout, is_needed=True)
    sys.stderr = _lasting(sys.stderr, is_needed=False)


def _lasting(stream: TextIO | None, *, is_needed: bool) -> TextIO:
    if stream is None:  # started with the descriptor closed
        return io.TextIOWrapper(io.BufferedWriter(_Lasting(os.open(os.devnull, os.O_WRONLY), is_needed=False)))
    with contextlib.suppress(BrokenPipeError):  # its reader has exited, and has what it wanted
        stream.flush()  # what was printed before comes out before
    raw = _Lasting(stream.fileno(), is_needed=is_needed)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors="backslashreplace",  # what the encoding lacks (LANG=C, latin-1) is printed by its number
        line_buffering=raw.isatty() or not is_needed,
    )
