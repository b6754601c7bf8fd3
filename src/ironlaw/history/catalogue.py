"""The catalogue: a Parquet file beside the recordings, updated where recordings were added, removed or changed."""

from __future__ import annotations

import hashlib
import os
import stat
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
    """The rows of a folder: in its Parquet file or, if that cannot be written, as an Arrow table."""

    folder: Path
    read_again: int
    table: Any = None

    @property
    def is_kept(self) -> bool:
        """Whether the rows are in the file."""
        return self.table is None

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / NAME


def catalogue(folder: Path, *, reading: Callable[[int], None] = lambda count: None) -> Catalogue:
    """Open or update the folder's catalogue; only new and changed recordings are read. `reading` is called with their
    number.

    Raises:
        BadInput: the folder does not exist, or the extra is not installed.
    """
    if not os.path.isdir(folder):  # which takes names that are too long, as Path.is_dir does not
        raise BadInput(f"{folder} is not a folder", hint="name the folder that holds the recordings")
    listing = sorted(recordings_in(folder))
    digest = _digest(listing)
    if _listing_of(folder / NAME) == digest:
        return Catalogue(folder=folder, read_again=0)
    kept, missing = _divide(_read_old(folder / NAME), listing)
    if missing:
        reading(len(missing))
    table = _table([*kept, *(row for rows in read_all(folder, missing) for row in rows)])
    table = table.replace_schema_metadata({_LISTING: digest, _MADE_BY: _made_by()})
    is_kept = _write(table, folder / NAME)
    return Catalogue(folder=folder, read_again=len(missing), table=None if is_kept else table)


def recordings_in(folder: Path) -> list[Listed]:
    """All recordings below the folder, except in hidden folders, which hold unfinished ones."""
    found = []
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            opened = os.open(folder / below, os.O_RDONLY | os.O_DIRECTORY)  # a name is looked up faster than a path
        except OSError:
            found.append(Listed(below, 0, 0))  # a folder that cannot be read is in the list, with its problem
            continue
        try:
            for name in os.listdir(opened):
                if name[0] == ".":
                    continue
                itself = os.stat(name, dir_fd=opened, follow_symlinks=False)
                if stat.S_ISDIR(itself.st_mode):
                    waiting.append(f"{below}{name}/")
                elif name.endswith(".jsonl"):
                    seen = _behind(name, opened) if stat.S_ISLNK(itself.st_mode) else itself
                    found.append(Listed(below + name, seen.st_size, seen.st_mtime_ns))
        finally:
            os.close(opened)
    return found


def _behind(name: str, folder: int) -> os.stat_result:
    """The target of a link; the link itself if it is dangling or circular."""
    try:
        return os.stat(name, dir_fd=folder)
    except OSError:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)


def read_all(folder: Path, listed: Sequence[Listed]) -> Iterator[list[Row]]:
    """The rows of many recordings, read by twice as many processes as CPUs, since about half wait for the disk."""
    pieces = [(folder, listed[start : start + PIECE]) for start in range(0, len(listed), PIECE)]
    workers = min(2 * len(os.sched_getaffinity(0)), len(pieces))
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
    """The rows of unchanged recordings, and the recordings to read."""
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


def _digest(listing: Iterable[Listed]) -> str:
    lines = "".join([f"{file}\0{size}\0{mtime_ns}\n" for file, size, mtime_ns in listing])
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def _made_by() -> str:
    return f"{FORMAT} ironlaw {version('ironlaw')}"


def _listing_of(path: Path) -> str | None:
    """The files that the catalogue was made from; None if it does not exist, is damaged, or has another version."""
    duckdb = import_duckdb()
    if not path.exists():  # DuckDB takes a tenth of a second to say so
        return None
    try:
        pairs = duckdb.connect().execute("select key, value from parquet_kv_metadata($path)", {"path": str(path)})
        metadata = {bytes(key): bytes(value).decode() for key, value in pairs.fetchall()}
    except duckdb.Error:
        return None
    return metadata.get(_LISTING) if metadata.get(_MADE_BY) == _made_by() else None


def _read_old(path: Path) -> Any:
    """The existing table; None if there is none of this version."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if _listing_of(path) is None:
        return None
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException):
        return None
    return table if tuple(table.column_names) == COLUMNS else None


def _write(table: Any, path: Path) -> bool:
    import pyarrow.parquet as pq

    aside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        pq.write_table(table, aside, compression="zstd")
        aside.replace(path)
    except OSError:
        return False
    return True


def import_duckdb() -> Any:
    """DuckDB.

    Raises:
        BadInput: the extra is not installed; it brings pyarrow too.
    """
    try:
        import duckdb
    except ImportError:
        raise BadInput("DuckDB is not installed", hint="pip install 'ironlaw[history]'") from None
    return duckdb
