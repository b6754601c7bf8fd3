"""Errors, each with a hint on what the user can do."""

from __future__ import annotations

import errno
from enum import IntEnum

from ironlaw.text import plain


class ExitCode(IntEnum):
    """What the command line returns; documented in the README."""

    DONE = 0
    GATE_FAILED = 1
    BAD_INPUT = 2
    INCOMPLETE = 3


class IronlawError(Exception):
    """An error that a user can act on: what happened, and what to do."""

    exit_code = ExitCode.BAD_INPUT

    def __init__(self, message: str, *, hint: str) -> None:
        # Both quote names and files from outside; escaped here, they are harmless wherever they are printed.
        self.message = plain(message)
        self.hint = plain(hint)
        super().__init__(self.message)


class BadInput(IronlawError):
    """An argument, a file or a folder cannot be used. Raised before anything is measured."""


class RecordingUnreadable(BadInput):
    """The file is not a recording, or is one of a schema this version does not know."""


class CounterRefused(IronlawError):
    """The kernel did not open a counter."""


class ArmFailed(IronlawError):
    """An arm could not be prepared or run. The failure is recorded, and the other arms continue."""

    exit_code = ExitCode.INCOMPLETE


class RunIncomplete(IronlawError):
    """The run ended before it was complete; what was recorded is kept."""

    exit_code = ExitCode.INCOMPLETE


class GateFailed(IronlawError):
    """A comparison broke a limit that the user set."""

    exit_code = ExitCode.GATE_FAILED


TOO_MANY_FILES = "too many files are open at once"
_STEPS = {
    errno.EMFILE: "raise the limit: ulimit -n 1024",
    errno.ENFILE: "raise the machine's limit: sudo sysctl fs.file-max",
    errno.EAGAIN: "end other processes, or raise the limit: ulimit -u",
    errno.ENOMEM: "give it more memory (a container's limit counts)",
    errno.ENOSPC: "make room in the folder for temporary files, or name another one: TMPDIR=FOLDER",
}


def step_for(error: OSError) -> str:
    """Return what the user can do if the system refused something that every program needs."""
    return _STEPS.get(error.errno or 0, "see what this machine allows: ironlaw doctor")


_MOST_OFFERED = 40  # the causes with an experiment, and the factors, are fewer; the models of timm are 1300


def offer_closest(word: str, known: list[str]) -> str:
    """Return a hint that lists the known words closest to a mistyped one; if none is close, as many as fit."""
    import difflib

    close = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    more = f" and {len(known) - _MOST_OFFERED} more" if len(known) > _MOST_OFFERED else ""
    return f"known: {', '.join(known[:_MOST_OFFERED])}{more}" if known else "none is known here"
