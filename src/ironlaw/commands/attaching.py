"""Files of other tools, opened, recognised by what they hold, and read with progress."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ironlaw.errors import BadInput, RecordingUnreadable

if TYPE_CHECKING:
    from ironlaw.attached.text import Watch
    from ironlaw.attachment import AttachedFile
    from ironlaw.explanation import Explanation
    from ironlaw.recording import Recording

_SHOWN_FROM_BYTES = 2**23  # a smaller file is read before progress could be seen


def explain_files(files: Sequence[Path], streams: Sequence[io.BufferedReader] = (), *, only: str = "") -> Explanation:
    """Explain attached files; `streams` are the same files if they are already open, `only` is their format if named.

    Raises:
        BadInput: a file cannot be read or has an unknown or another format, or there is nothing to compare.
    """
    from ironlaw.analysis.attached.explain import explain_attached

    read = read_files(files, streams)
    for path, file in zip(files, read, strict=True):
        if only and file.found[0].format != only:
            raise BadInput(f"{path} is {file.found[0].title}, not {_title(only)}", hint=f"ironlaw explain {path} OTHER")
    return explain_attached(read)


def _title(slug: str) -> str:
    from ironlaw.attached import known_formats

    return known_formats()[slug].title


def read_files(files: Sequence[Path], streams: Sequence[io.BufferedReader] = ()) -> list[AttachedFile]:
    """Read each file by the reader of its format.

    Raises:
        BadInput: a file cannot be read, or has an unknown format.
    """
    from ironlaw.attached import read_attached

    found = []
    for place, (file, shown) in enumerate(zip(files, shown_names(files), strict=True)):
        try:
            with streams[place] if streams else file.open("rb") as stream, _progress(file) as watch:
                found.append(read_attached(stream, named=str(file), shown=shown, watch=watch))
        except (OSError, ValueError) as error:
            raise unreadable(file, error) from None
    return found


def load_recording(file: Path) -> Recording:
    """Read a recording.

    Raises:
        BadInput: it is a file of another tool.
        RecordingUnreadable: it is no recording that this version reads.
    """
    import ironlaw

    try:
        return ironlaw.load(file)
    except RecordingUnreadable:
        if title := _other_title(file):
            raise BadInput(
                f"{file} is {title}, not a recording of ironlaw run",
                hint=f"two such files are compared: ironlaw explain {file} OTHER; --verbose lists all their layers",
            ) from None
        raise


def _other_title(file: Path) -> str:
    """What another tool's file is; empty for anything else."""
    from ironlaw.attached import recognised
    from ironlaw.attached.text import AttachedText

    try:
        with file.open("rb") as stream:
            known = recognised(AttachedText(stream, named=str(file)).head)
    except (OSError, ValueError, BadInput):
        return ""
    return known.title if known is not None else ""


def shown_names(files: Sequence[Path]) -> list[str]:
    """The names of the arms, short for narrow tables: of the files if they differ, else of the folders in which they
    do; whole paths if no single folder distinguishes them.
    """
    for depth in range(1, min((len(file.parts) for file in files), default=0) + 1):
        names = [file.parts[-depth] for file in files]
        if len(set(names)) == len(names):
            return names
    return [str(file) for file in files]


def unreadable(file: Path, error: Exception) -> BadInput:
    """The error of a file that cannot be opened or read."""
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return BadInput(f"cannot read {file}: {reason}", hint="name a file that you may read")


@contextmanager
def _progress(file: Path) -> Iterator[Watch | None]:
    """A bar on a terminal, for a file that takes seconds."""
    size = file.stat().st_size if file.is_file() else 0
    if size < _SHOWN_FROM_BYTES or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from ironlaw.text import plain

    columns = (TextColumn("reading {task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(plain(file.name).replace("[", "\\["), total=size)
        yield lambda read_bytes: bar.update(task, completed=read_bytes)
