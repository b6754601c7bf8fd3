"""What a process of the recorder's starts with: its environment, a line to the recorder, and a file to print to."""

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
    """What sets the size of the thread pools of an arm's process, from its start on."""
    return {name: str(threads) for name in _THREAD_VARIABLES} | {"OPENBLAS_NUM_THREADS": "1"}


def user_environment() -> dict[str, str]:
    """A name for a user who has none, as in a container run with --user: torch 2.9's compiler fails without."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        return {"USER": f"uid{os.getuid()}"}
    return {}


def with_tail(reason: str, log: Path) -> str:
    """Why a process was lost, with the last line of what it had printed, of which there may be gigabytes."""
    try:
        with log.open("rb") as printed:
            printed.seek(max(0, printed.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = printed.read().decode(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return f"{reason}; it had printed: {lines[-1][:300]}" if lines else reason
