"""The catalogue: a Parquet file beside the recordings, made anew where recordings came, went or changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ironlaw.errors import BadInput
from ironlaw.history.rows import COLUMNS, Listed, Row, rows_of

NAME = ".ironlaw-history.parquet"
FORMAT = "1"  # of the rows; another one makes every catalogue stale
PIECE = 500  # recordings that one process reads at a time
ALONE_BELOW = 1000  # fewer are read sooner than other processes start
_LISTING, _MADE_BY = b"ironlaw.listing", b"ironlaw.made_by"


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The rows of a folder, as an Arrow table; `is_kept` says whether the file could be written."""

    folder: Path
    table: Any
    read_anew: int
    is_kept: bool


def catalogue(folder: Path, *, reading: Callable[[int], None] = lambda count: None) -> Catalogue:
    """The folder's catalogue; only recordings that are new or changed since are read. `reading` is told how many.

    Raises:
        BadInput: the folder does not exist, or the extra is not installed.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder", hint="name the folder that holds the recordings")
    pq = _import_parquet()
    listing = sorted(recordings_in(folder))
    old = _read_old(pq, folder / NAME)
    digest = _digest(listing)
    if old is not None and old.schema.metadata.get(_LISTING) == digest:
        return Catalogue(folder=folder, table=old, read_anew=0, is_kept=True)
    kept, missing = _divide(old, listing)
    if missing:
        reading(len(missing))
    table = _table([*kept, *(row for rows in read_all(folder, missing) for row in rows)])
    table = table.replace_schema_metadata({_LISTING: digest, _MADE_BY: _made_by()})
    return Catalogue(folder=folder, table=table, read_anew=len(missing), is_kept=_write(pq, table, folder / NAME))


def recordings_in(folder: Path, below: str = "") -> Iterator[Listed]:
    """Every recording below the folder; hidden folders hold unfinished ones."""
    with os.scandir(folder / below) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from recordings_in(folder, below + entry.name + "/")
            elif entry.name.endswith(".jsonl"):
                found = entry.stat()
                yield Listed(file=below + entry.name, bytes=found.st_size, mtime_ns=found.st_mtime_ns)


def read_all(folder: Path, listed: Sequence[Listed]) -> Iterator[list[Row]]:
    """The rows of many recordings, by as many processes as this one may use CPUs."""
    pieces = [(folder, listed[start : start + PIECE]) for start in range(0, len(listed), PIECE)]
    workers = min(len(os.sched_getaffinity(0)), len(pieces))
    if len(listed) < ALONE_BELOW or workers < 2:
        yield from map(_rows_of_piece, pieces)
        return
    import multiprocessing

    # Not forked: Arrow and numpy have threads of their own by now.
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(_rows_of_piece, pieces)


def _rows_of_piece(piece: tuple[Path, Sequence[Listed]]) -> list[Row]:
    folder, listed = piece
    return [row for one in listed for row in rows_of(folder, one)]


def _divide(old: Any, listing: Iterable[Listed]) -> tuple[list[Row], list[Listed]]:
    """The old rows of recordings that are as they were, and the recordings to read."""
    known: dict[Listed, list[Row]] = {}
    for values in old.to_pylist() if old is not None else ():
        row = Row(**values)
        known.setdefault(Listed(file=row.file, bytes=row.bytes, mtime_ns=row.mtime_ns), []).append(row)
    kept: list[Row] = []
    missing = []
    for one in listing:
        if one in known:
            kept += known[one]
        else:
            missing.append(one)
    return kept, missing


def _table(rows: Sequence[Row]) -> Any:
    import pyarrow as pa

    whole, real = pa.int64(), pa.float64()
    kinds = {"bytes": whole, "mtime_ns": whole, "schema": whole, "threads": whole, "batch": whole}
    kinds |= dict.fromkeys(("gain", "gain_low", "gain_high", "ln_gain"), real)
    return pa.table(
        {name: pa.array([getattr(row, name) for row in rows], kinds.get(name, pa.string())) for name in COLUMNS}
    )


def _digest(listing: Iterable[Listed]) -> bytes:
    lines = "".join([f"{file}\0{size}\0{mtime_ns}\n" for file, size, mtime_ns in listing])
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest().encode()


def _made_by() -> bytes:
    return f"{FORMAT} ironlaw {version('ironlaw')}".encode()


def _read_old(pq: Any, path: Path) -> Any:
    """The table that is there; None when there is none, it is damaged, or another version made it."""
    import pyarrow as pa

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException):
        return None
    metadata = table.schema.metadata or {}
    return table if metadata.get(_MADE_BY) == _made_by() and tuple(table.column_names) == COLUMNS else None


def _write(pq: Any, table: Any, path: Path) -> bool:
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        pq.write_table(table, aside, compression="zstd")
        aside.replace(path)
    except OSError:
        return False
    return True


def _import_parquet() -> Any:
    try:
        import duckdb  # noqa: F401  # asked for now, so that the hint names both
        import pyarrow.parquet as pq
    except ImportError as error:
        raise BadInput(f"{error.name} is not installed", hint="pip install 'ironlaw[history]'") from None
    return pq
