"""How child processes are started: by this interpreter, and with nothing imported from the current folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of ironlaw.

    -P, and not PYTHONSAFEPATH: programs that an arm itself starts find their modules as they always do.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def environment() -> Mapping[str, str]:
    """This process's environment; where ironlaw runs from the folder it is in, with that folder named."""
    source = str(Path(__file__).resolve().parents[1])
    if source != os.getcwd() or source in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        return os.environ
    paths = [source, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
