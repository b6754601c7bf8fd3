"""Tables that one process of a run has read, kept for those after it: a large library takes a tenth of a second."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST_BYTES = 1 << 18  # a smaller table is read as fast as a kept one is found


class KeptTables:
    """A folder of arrays, each mapped when it is read again; without a folder nothing is kept.

    Not for what outlives a run: nothing is ever removed.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """The folder is made when the first table is kept."""
        self._folder = folder

    def of(self, name: str, read: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """The table of that name as it was kept, or else as `read` gives it."""
        import numpy as np

        if self._folder is None:
            return read()
        path = self._folder / f"{name}.npy"
        with contextlib.suppress(OSError, ValueError, EOFError):  # there is none, or it is no whole one
            kept: NDArray[Any] = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
            return kept
        table = read()
        if table.nbytes >= _LEAST_BYTES:
            _keep(path, table)
        return table


def _keep(path: Path, table: NDArray[Any]) -> None:
    """Write a table, whole or not at all; where there is no room, the next process reads it again."""
    import numpy as np

    unfinished = ""
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            unfinished = file.name
            np.save(file, table, allow_pickle=False)
        os.replace(unfinished, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)


def name_of_file(path: str) -> str:
    """A name for what is read of a file, which changes with the file.

    Raises:
        OSError: there is no such file.
    """
    state = os.stat(path)
    known = f"{path}\0{state.st_ino}\0{state.st_size}\0{state.st_mtime_ns}"
    return hashlib.blake2s(known.encode(errors="surrogateescape"), digest_size=12).hexdigest()
