"""One measurement at a time on this machine, whichever process starts it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

LOCK_NAME = "ironlaw-measuring.lock"


@contextlib.contextmanager
def machine_to_itself(folder: Path | None = None) -> Iterator[None]:
    """Waits until no other cell is measured on this machine, and keeps others out.

    Two Ray nodes on one machine, or two sweeps, use the same lock. The kernel releases it when its holder ends, in
    whatever way. Containers that do not share a temporary folder do not see each other.
    """
    path = (folder or Path(tempfile.gettempdir())) / LOCK_NAME
    # Others' users must be able to open it too; flock needs no right to write.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDONLY, 0o444))
    lock = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
