"""The folder of a sweep: each cell's recording is complete, or absent."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from ironlaw.errors import BadInput
from ironlaw.sweep.cell import Cell

_ASIDE = ".unfinished"
_FAILED = ".failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFailure:
    """The reason why a cell has no recording, and the node that reported it."""

    cell: str
    reason: str
    hint: str
    where: str


class Store:
    """Recordings are written to temporary files and renamed when complete; a later sweep continues from them."""

    def __init__(self, folder: Path, *, only_look: bool = False) -> None:
        """Lock the folder, create it if absent, and delete the unfinished files of a killed sweep.

        With `only_look` nothing is locked or deleted, since a sweep may be running in it.

        Raises:
            BadInput: the folder cannot be read or written, or another sweep works in it.
        """
        self.folder = folder
        self._lock: int | None = None
        if not only_look:
            self._take()
        # What this sweep adds is looked up by name, so that memory does not grow with it.
        try:
            found = list(folder.glob("*.jsonl"))
        except OSError as error:
            hint = 'name a folder that can be read: out = "..."'
            raise BadInput(f"cannot read {folder}: {error.strerror}", hint=hint) from None
        self._found = {path.stem.rpartition("-")[2]: path.name for path in found}

    def _take(self) -> None:
        folder = self.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
        except OSError as error:
            hint = 'name a folder you may write to: out = "..."'
            raise BadInput(f"cannot write {folder}: {error.strerror}", hint=hint) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise BadInput(f"another sweep works in {folder}", hint="wait for it, or stop it") from None
        self._lock = lock
        shutil.rmtree(folder / _ASIDE, ignore_errors=True)
        for name in (_ASIDE, _FAILED):
            (folder / name).mkdir(exist_ok=True)

    def close(self) -> None:
        """Release the folder's lock."""
        if self._lock is not None:
            shutil.rmtree(self.folder / _ASIDE, ignore_errors=True)
            os.close(self._lock)
            self._lock = None

    def has(self, cell: Cell) -> bool:
        """Whether the cell's recording is there."""
        return cell.id in self._found or (self.folder / cell.file_name).exists()

    def recording(self, cell: Cell) -> Path:
        """Where the recording of a finished cell is."""
        return self.folder / self._found.get(cell.id, cell.file_name)

    def failure(self, cell: Cell) -> CellFailure | None:
        """Why the cell failed when it was last tried; None when it was not, or did not."""
        try:
            return CellFailure(**json.loads(self._failed(cell).read_bytes()))
        except FileNotFoundError:
            return None

    def aside(self, cell: Cell) -> Path:
        """Where the cell's recording is written while it is not whole; nothing is there yet."""
        path = self.folder / _ASIDE / f"{cell.id}.jsonl"
        path.unlink(missing_ok=True)
        return path

    def keep(self, cell: Cell, written: Path) -> None:
        """Give a whole recording its name; durable when this returns."""
        os.replace(written, self.folder / cell.file_name)
        folder = os.open(self.folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        self._failed(cell).unlink(missing_ok=True)

    def fail(self, cell: Cell, failure: CellFailure) -> None:
        """Keep the reason why the cell has no recording; the next sweep tries it again."""
        self._failed(cell).write_text(json.dumps(asdict(failure)))

    def _failed(self, cell: Cell) -> Path:
        return self.folder / _FAILED / f"{cell.id}.json"
