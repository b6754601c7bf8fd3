"""How commands show an explanation: as text, as JSON, as an HTML file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ironlaw.errors import BadInput, IronlawError, RunIncomplete
from ironlaw.text import plain, plain_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ironlaw.explanation import Explanation
    from ironlaw.recording import Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """What the user wants to see of an explanation."""

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    correlate: bool = False


def show_explanation(explanation: Explanation, *, display: Display, n: int | None = None) -> None:
    """Print the explanation; `n` is the number of inferences that the table gives a time for besides one."""
    from rich.console import Console

    from ironlaw.report.associations import show_associations
    from ironlaw.report.document import to_document
    from ironlaw.report.terminal import Verbosity
    from ironlaw.report.terminal import show as show_terminal

    if display.as_json:
        say_json(to_document(explanation))
        return
    console = Console()
    if display.correlate:
        show_associations(explanation, console, verbose=display.verbose)
        return
    verbosity = Verbosity.QUIET if display.quiet else Verbosity.VERBOSE if display.verbose else Verbosity.NORMAL
    show_terminal(explanation, console, n=n, verbosity=verbosity)


def echo(text: str, *, err: bool = False) -> None:
    """Print a line that may contain untrusted text, such as paths."""
    click.echo(plain(text), err=err)


def say_json(document: object, *, default: Callable[[Any], str] | None = None) -> None:
    """Print one JSON object; terminal control characters are escaped."""
    import json

    click.echo(plain_json(json.dumps(document, ensure_ascii=False, indent=2, default=default, allow_nan=False)))


def write_report(explanation: Explanation, recording: Recording, path: Path) -> None:
    """Write the HTML report.

    Raises:
        BadInput: the file cannot be written.
    """
    from ironlaw.report.html import render

    write_text(render(explanation, recording), path)


def write_text(text: str, path: Path) -> None:
    """Write a file.

    Raises:
        BadInput: it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}", hint="name another file") from None


def check_writable(path: Path, *, keeping: Iterable[Path] = ()) -> None:
    """Check before measuring that a report can be written and does not overwrite an input.

    Raises:
        BadInput: it cannot be opened for writing, or it is one of the files `keeping`, by any name.
    """
    import os

    from ironlaw.models.user_files import refuse_overwriting

    refuse_overwriting(path, keeping)
    is_new = not os.path.exists(path)
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK, 0o666))
        if is_new:
            os.unlink(os.path.realpath(path))
    except OSError as error:
        hint = "name a file in a folder that you may write to"
        raise BadInput(f"cannot write {path}: {error.strerror}", hint=hint) from None


@contextmanager
def keeping_measured(recording: Path) -> Iterator[None]:
    """Turn an error or interrupt after measuring into one that names the recording, which is kept.

    Raises:
        RunIncomplete: replaces another error; the hint is what to do with the recording.
    """
    hint = f"the recording is kept: ironlaw explain {recording}"
    try:
        yield
    except KeyboardInterrupt:
        raise RunIncomplete("interrupted", hint=hint) from None
    except IronlawError as error:
        raise RunIncomplete(error.message, hint=hint) from None
