"""What a child of the recorder starts with: its environment, a line to the recorder, and a file for its output."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
from pathlib import Path

from ironlaw.measure.messages import Line

# What libraries read once, when they are imported; numpy's own pool is not what is measured.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")

_TAIL_BYTES = 4096


def new_line(theirs: contextlib.ExitStack) -> tuple[Line, socket.socket]:
    """A new line, and its other end, which this process closes with `theirs`."""
    ours, end = socket.socketpair()
    theirs.enter_context(end)
    return Line(ours), end


def threading_environment(threads: int) -> dict[str, str]:
    """The environment variables that set the size of thread pools in an arm's process."""
    return {name: str(threads) for name in _THREAD_VARIABLES} | {"OPENBLAS_NUM_THREADS": "1"}


def user_environment() -> dict[str, str]:
    """A name for a user without one, as in a container run with --user: torch 2.9's compiler fails without it."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        return {"USER": f"uid{os.getuid()}"}
    return {}


def with_tail(reason: str, log: Path) -> str:
    """Why a process was lost, with the last line of its output, which may be gigabytes long."""
    try:
        with log.open("rb") as printed:
            printed.seek(max(0, printed.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = printed.read().decode(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return f"{reason}; it had printed: {lines[-1][:300]}" if lines else reason
