"""Files that a user names: only regular files are opened, and read up to a plausible length.

A pipe without a writer would block a run for ever, and an endless device would fill the memory.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from ironlaw.errors import BadInput

MOST_BYTES_OF_SOURCE = 2**24  # the longest module of the standard library has 0.3 MB
MOST_BYTES_OF_LABELS = 2**28  # four million lines of 64 characters


def read_bounded(path: Path, *, most: int) -> bytes:
    """Read a whole file.

    Raises:
        OSError: it cannot be read, is a folder, pipe or device, or is longer than `most` bytes.
    """
    require_regular(path)
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is longer than {most >> 20} MiB")
    return content


def require_regular(path: Path) -> os.stat_result:
    """Check that a path names a file; what is known about it.

    Raises:
        OSError: it does not.
    """
    about = path.stat()
    if stat.S_ISDIR(about.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(about.st_mode):
        raise OSError(errno.EINVAL, "it is no file but a pipe, socket or device")
    return about


def refuse_overwriting(path: Path, keeping: Iterable[Path]) -> None:
    """Check that a file which is to be written is none of those that are read.

    Raises:
        BadInput: it is one of them, by any name.
    """
    for kept in keeping:
        if _is_same_file(path, kept):
            raise BadInput(f"{path} would overwrite {kept}", hint="name another file: what is read is never replaced")


def _is_same_file(one: Path, other: Path) -> bool:
    """Whether two paths name one file: by symbolic or hard link, however spelled, and also before it exists."""
    try:
        return one.samefile(other)
    except OSError:
        return one.resolve() == other.resolve()
